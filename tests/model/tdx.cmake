# Tests of the model's TDX, KVM's side and quotes.
foreach(test measure kvm exits quote)
    cl_unit_test(test_model_tdx_${test} SOURCES launcher.c launcher_tdx.c LIBS cl_model PkgConfig::JANSSON)
endforeach()
# Where the model meets the product's verifier, as files only.
add_test(NAME unit.model_tdx_verdicts COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/verify/check_verdicts $<TARGET_FILE:cloister>
    $<TARGET_FILE:test_model_tdx_quote>)
set_tests_properties(unit.model_tdx_verdicts PROPERTIES LABELS unit)
