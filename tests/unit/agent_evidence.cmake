# The agent's evidence: the kernel's interfaces are the test's (tee_kernel.c), signed by worlds of the tests; then at the real broker,
# under roots that the program alone pins.
foreach(test test_agent_evidence test_agent_runtime test_agent_attest)
    cl_unit_test(${test} LIBS cl_agent_core cl_broker cl_kbs_client cl_sim_psp Threads::Threads)
    target_sources(${test} PRIVATE tee_kernel.c broker_worlds.c snp_world.c tdx_world.c tpm_world.c)
    target_include_directories(${test} PRIVATE ${CMAKE_SOURCE_DIR}/attestation ${CMAKE_SOURCE_DIR}/kbs-client ${CMAKE_SOURCE_DIR}/broker)
    target_link_options(${test} PRIVATE -Wl,--wrap=ioctl,--wrap=write)
endforeach()
target_sources(test_agent_attest PRIVATE pinned_roots.c)
# The command line that a hardware class is launched with.
cl_unit_test(test_guest_cmdline LIBS cl_attestation)
