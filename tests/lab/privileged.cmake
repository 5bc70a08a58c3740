# Privileged pods (pods/cri_privileged): their images are made from Debian packages, once.
add_executable(pods_reach pods/reach.c)
target_link_libraries(pods_reach PRIVATE cl_flags)
target_link_options(pods_reach PRIVATE -static)
set(CL_PRIVILEGED_SETUP ${CMAKE_BINARY_DIR}/lab-privileged)
add_test(NAME lab.privileged_setup COMMAND ${pods}/privileged_setup $<TARGET_FILE:pods_reach> ${CL_PRIVILEGED_SETUP})
set_tests_properties(lab.privileged_setup PROPERTIES LABELS "lab;long" TIMEOUT 300 FIXTURES_SETUP privileged_setup SKIP_RETURN_CODE 77)

# cl_privileged_test(NAME WHAT TIMEOUT [LONG]): with each runtime.
function(cl_privileged_test name what timeout)
    cl_pods_test(${name} cri_privileged ${ARGN} TIMEOUT ${timeout} ARGS ${CL_PRIVILEGED_SETUP} ${what})
    foreach(runtime runc cloister-sim)
        if(TEST lab.pods_${name}_${runtime})
            set_tests_properties(lab.pods_${name}_${runtime} PROPERTIES FIXTURES_REQUIRED "lab;pods_setup;privileged_setup")
        endif()
    endforeach()
endfunction()
cl_privileged_test(cri_privileged tools 400 LONG)
cl_privileged_test(cri_engine engine 2400 LONG)
