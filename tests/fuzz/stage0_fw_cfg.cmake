cl_fuzz_target(fuzz_stage0_fw_cfg SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/stage0_machine.c LIBS cl_stage0_hosted)
target_include_directories(fuzz_stage0_fw_cfg PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit)
