# Volumes: agent and shim. pod_program and pod_no_memlock are pod.cmake's.
cl_unit_test(test_pod_volumes SOURCES pod_rig.c LIBS cl_agent_pod)
add_dependencies(test_pod_volumes pod_program pod_no_memlock)
target_compile_definitions(test_pod_volumes PRIVATE POD_PROGRAM="$<TARGET_FILE:pod_program>" POD_NO_MEMLOCK="$<TARGET_FILE:pod_no_memlock>")
cl_unit_test(test_shim_volumes SOURCES shim_world.c LIBS cl_shim)
