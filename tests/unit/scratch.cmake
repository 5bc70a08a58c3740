# The pod's scratch disk, as far as it can be tested without the device mapper; tests/lab/pods/scratch has the rest.
cl_unit_test(test_scratch LIBS cl_agent_core)
target_include_directories(test_scratch PRIVATE ${CMAKE_SOURCE_DIR}/guest-firmware/agent/core)

# The pod engine's own tests once more, with what is large on a disk of its own.
add_executable(test_pod_disk test_pod_engine.c pod_rig.c)
target_link_libraries(test_pod_disk PRIVATE cl_flags PkgConfig::CHECK cl_agent_pod)
add_test(NAME unit.test_pod_disk COMMAND test_pod_disk)
set_tests_properties(unit.test_pod_disk PROPERTIES LABELS unit TIMEOUT 300 ENVIRONMENT CK_DEFAULT_TIMEOUT=120)
add_dependencies(test_pod_disk pod_program pod_no_memlock)
target_compile_definitions(test_pod_disk PRIVATE POD_RIG_DISK POD_PROGRAM="$<TARGET_FILE:pod_program>" POD_NO_MEMLOCK="$<TARGET_FILE:pod_no_memlock>")

cl_unit_test(test_host_scratch LIBS cl_host)
