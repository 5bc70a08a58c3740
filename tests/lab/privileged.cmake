# Privileged pods (pods/cri_privileged): their images are made from Debian packages, once.
add_executable(pods_reach pods/reach.c)
target_link_libraries(pods_reach PRIVATE cl_flags)
target_link_options(pods_reach PRIVATE -static)
set(CL_PRIVILEGED_SETUP ${CMAKE_BINARY_DIR}/lab-privileged)
add_test(NAME lab.privileged_setup COMMAND ${pods}/privileged_setup $<TARGET_FILE:pods_reach> ${CL_PRIVILEGED_SETUP})
set_tests_properties(lab.privileged_setup PROPERTIES LABELS "lab;long" TIMEOUT 300 FIXTURES_SETUP privileged_setup SKIP_RETURN_CODE 77)

cl_pods_test(cri_privileged cri_privileged LONG TIMEOUT 400 ARGS ${CL_PRIVILEGED_SETUP} tools)
# podman in the pod. No control: on the lab's own kernel and processor Debian's netavark does not run in a container of runc.
if(TARGET containerd-shim-cloister-v2)
    cl_lab_test(pods_cri_engine_cloister-sim LONG TIMEOUT 2400
        COMMAND ${pods}/cri_privileged ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CL_PODS_SETUP} cloister-sim ${CL_PRIVILEGED_SETUP} engine)
    set_tests_properties(lab.pods_cri_engine_cloister-sim PROPERTIES SKIP_RETURN_CODE 77)
endif()
foreach(test cri_privileged_runc cri_privileged_cloister-sim cri_engine_cloister-sim)
    if(TEST lab.pods_${test})
        set_tests_properties(lab.pods_${test} PROPERTIES FIXTURES_REQUIRED "lab;pods_setup;privileged_setup")
    endif()
endforeach()
