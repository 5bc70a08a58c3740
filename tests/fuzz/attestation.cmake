foreach(target fuzz_snp_report fuzz_snp_certs fuzz_snp_evidence_json fuzz_snp_rom fuzz_verify_policy fuzz_distrust)
    cl_fuzz_target(${target} LIBS cl_attestation)
endforeach()
target_include_directories(fuzz_snp_rom PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
if(TARGET cl_sim_psp)
    cl_fuzz_target(fuzz_psp_launch LIBS cl_sim_psp)
endif()
cl_fuzz_target(fuzz_snp_path SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/snp_world.c LIBS cl_attestation) # test-only roots
target_include_directories(fuzz_snp_path PRIVATE ${CMAKE_SOURCE_DIR}/attestation ${CMAKE_SOURCE_DIR}/tests/unit)
