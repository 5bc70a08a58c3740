# Pods whose layers containerd never sees; the long form has a rotten cache and other ages of containerd's database.
foreach(form "" _long)
    set(long "")
    if(form)
        set(long LONG)
    endif()
    cl_lab_test(pods_cri_snapshotter${form} ${long} TIMEOUT 400
        COMMAND ${pods}/cri_snapshotter ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CL_PODS_SETUP} cloister-sim ${form})
    set_tests_properties(lab.pods_cri_snapshotter${form} PROPERTIES SKIP_RETURN_CODE 77 FIXTURES_REQUIRED "lab;pods_setup")
endforeach()
cl_lab_test(pods_cri_policy_snapshotter LONG TIMEOUT 400
    COMMAND ${pods}/cri_policy ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CL_PODS_SETUP} cloister-sim snapshotter)
set_tests_properties(lab.pods_cri_policy_snapshotter PROPERTIES SKIP_RETURN_CODE 77 FIXTURES_REQUIRED "lab;pods_setup")
# An image of 256 MiB, encrypted.
set(CL_LARGE_SETUP ${CMAKE_BINARY_DIR}/lab-large)
add_test(NAME lab.large_setup COMMAND ${pods}/large_setup $<TARGET_FILE:cloister> 256 ${CL_LARGE_SETUP})
set_tests_properties(lab.large_setup PROPERTIES LABELS "lab;long" TIMEOUT 300 FIXTURES_SETUP large_setup SKIP_RETURN_CODE 77)
cl_lab_test(pods_cri_large LONG TIMEOUT 2400
    COMMAND ${pods}/cri_large ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CL_PODS_SETUP} cloister-sim ${CL_LARGE_SETUP})
set_tests_properties(lab.pods_cri_large PROPERTIES SKIP_RETURN_CODE 77 FIXTURES_REQUIRED "lab;pods_setup;large_setup")
