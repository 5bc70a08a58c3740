# Tests of the model's TDX, KVM's side.
foreach(test measure kvm exits)
    cl_unit_test(test_model_tdx_${test} SOURCES launcher.c launcher_tdx.c LIBS cl_model)
endforeach()
