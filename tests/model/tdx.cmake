# Tests of the model's TDX, KVM's side and quotes.
foreach(test measure kvm exits quote)
    cl_unit_test(test_model_tdx_${test} SOURCES launcher.c launcher_tdx.c LIBS cl_model PkgConfig::JANSSON)
endforeach()
