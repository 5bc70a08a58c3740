# Pods in the guest. What runs in the containers of test_pod_engine is static: its image holds nothing else.
cl_unit_test(test_podspec LIBS cl_agent_core)

add_executable(pod_program pod_program.c)
target_compile_definitions(pod_program PRIVATE _GNU_SOURCE)
target_link_options(pod_program PRIVATE -static)
add_library(pod_no_memlock MODULE pod_no_memlock.c)
target_compile_definitions(pod_no_memlock PRIVATE _GNU_SOURCE)
target_compile_options(pod_no_memlock PRIVATE -fvisibility=default)
foreach(test test_pod_engine test_pod_isolation test_pod_storm)
    cl_unit_test(${test} SOURCES pod_rig.c LIBS cl_agent_pod)
    add_dependencies(${test} pod_program pod_no_memlock)
    target_compile_definitions(${test} PRIVATE POD_PROGRAM="$<TARGET_FILE:pod_program>" POD_NO_MEMLOCK="$<TARGET_FILE:pod_no_memlock>")
endforeach()
