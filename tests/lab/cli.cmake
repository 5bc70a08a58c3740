# `cloister run` from the outside (cli_run), and again and again with kill -9 (soak). Both need the guest (cmake --build --target guest) and are skipped, visibly,
# without it. cli_setup makes what they start from on the machine itself: keys take minutes where the CPU is emulated.
set(CL_CLI_SETUP ${CMAKE_BINARY_DIR}/lab-cli)
add_test(NAME lab.cli_setup COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/cli_setup ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CL_CLI_SETUP})
set_tests_properties(lab.cli_setup PROPERTIES LABELS lab TIMEOUT 300 FIXTURES_SETUP cli_setup SKIP_RETURN_CODE 77)
set(cli_args ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CL_CLI_SETUP})
cl_lab_test(cli TIMEOUT 450 COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/cli_run ${cli_args} short)
cl_lab_test(cli_run LONG TIMEOUT 1800 COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/cli_run ${cli_args} full)
cl_lab_test(soak LONG TIMEOUT 900 COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/soak ${cli_args} short)
cl_lab_test(soak_runs LONG TIMEOUT 2400 COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/soak ${cli_args} runs)
cl_lab_test(soak_kills LONG TIMEOUT 2400 COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/soak ${cli_args} kills)
set_tests_properties(lab.cli lab.cli_run lab.soak lab.soak_runs lab.soak_kills PROPERTIES SKIP_RETURN_CODE 77 FIXTURES_REQUIRED "lab;cli_setup")
