# The TDX back-end on a KVM that is played; quotes from a service that is.
cl_unit_test(test_tee_tdvf LIBS cl_tee)
cl_unit_test(test_tee_tdx LIBS cl_tee)
cl_unit_test(test_vmm_quotes LIBS cl_vmm)
