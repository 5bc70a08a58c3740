# Memory that runs out at every point in turn.
function(cl_alloc_test name)
    cl_unit_test(${name} SOURCES failing_alloc.c ${ARGN} LIBS cl_attestation)
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
    target_link_options(${name} PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
endfunction()
cl_alloc_test(test_alloc_tdx tdx_world.c)
cl_alloc_test(test_alloc_tpm tpm_world.c snp_world.c)
cl_alloc_test(test_alloc_documents collateral_world.c snp_world.c)
