foreach(test translate refusals)
    cl_unit_test(test_shim_${test} LIBS cl_shim_translate)
    target_compile_definitions(test_shim_${test} PRIVATE SHIM_VECTORS="${CMAKE_SOURCE_DIR}/tests/vectors/shim")
endforeach()
