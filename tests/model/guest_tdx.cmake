# The guest's side of TDX in the model: tests that run tiny TDs (rig_tdx.c, programs_tdx.S).
# cl_model_td_test(NAME): test_model_NAME.c, with label unit.
function(cl_model_td_test name)
    cl_unit_test(test_model_${name} SOURCES handover.c launcher.c launcher_tdx.c rig_tdx.c programs_tdx.S LIBS cl_model)
    set_property(TEST unit.test_model_${name} APPEND PROPERTY ENVIRONMENT
        LSAN_OPTIONS=suppressions=${CMAKE_CURRENT_SOURCE_DIR}/unicorn.supp:print_suppressions=0)
endfunction()
target_sources(test_model_entry PRIVATE handover.c)
foreach(test tdx_guest tdx_entry tdx_host)
    cl_model_td_test(${test})
endforeach()
