# A node's whole life (pods/node): `cloister node` with Debian's containerd.
if(TARGET cl_node AND TARGET containerd-shim-cloister-v2)
    cl_lab_test(pods_node_cloister-sim TIMEOUT 400
        COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/pods/node ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CMAKE_BINARY_DIR}/lab-pods cloister-sim)
    set_tests_properties(lab.pods_node_cloister-sim PROPERTIES SKIP_RETURN_CODE 77 FIXTURES_REQUIRED "lab;pods_setup")
endif()
