# Event logs of TPMs.
cl_unit_test(test_tpm_event_log LIBS cl_attestation)
target_include_directories(test_tpm_event_log PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
target_sources(test_tpm_event_log PRIVATE tpm_world.c tpm_log_world.c snp_world.c)
cl_unit_test(test_tpm_log_cmd LIBS cl_attestation)
target_include_directories(test_tpm_log_cmd PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
target_sources(test_tpm_log_cmd PRIVATE tpm_world.c tpm_log_world.c snp_world.c cmd_rig.c)
