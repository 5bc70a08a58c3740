# What Intel's quote generation service answers.
cl_fuzz_target(fuzz_qgs_response LIBS cl_vmm_devices)
