# pod_program and pod_no_memlock are pod.cmake's.
cl_unit_test(test_pod_files SOURCES pod_rig.c LIBS cl_agent_pod cl_shim_files)
add_dependencies(test_pod_files pod_program pod_no_memlock)
target_compile_definitions(test_pod_files PRIVATE POD_PROGRAM="$<TARGET_FILE:pod_program>" POD_NO_MEMLOCK="$<TARGET_FILE:pod_no_memlock>")
