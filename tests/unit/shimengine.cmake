# Shim and agent together, without a VM.
add_executable(shim_guest shim_guest.c)
target_link_libraries(shim_guest PRIVATE cl_flags cl_agent_pod PkgConfig::CHECK)
target_compile_definitions(shim_guest PRIVATE POD_PROGRAM="$<TARGET_FILE:pod_program>" POD_NO_MEMLOCK="$<TARGET_FILE:pod_no_memlock>")
add_dependencies(shim_guest pod_program pod_no_memlock)
cl_unit_test(test_shim_engine SOURCES shim_world.c LIBS cl_shim)
target_compile_definitions(test_shim_engine PRIVATE WORLD_REAL_SPEC SHIM_GUEST="$<TARGET_FILE:shim_guest>")
add_dependencies(test_shim_engine shim_guest)
