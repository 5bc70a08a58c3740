# `cloister run` from the outside: exit statuses, streams, signals, terminal, and what is left after kill -9. Needs the guest
# (cmake --build --target guest) and is skipped, visibly, without it.
cl_lab_test(cli_run LONG TIMEOUT 900
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/cli_run ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest)
set_tests_properties(lab.cli_run PROPERTIES SKIP_RETURN_CODE 77)
