# The pod's scratch disk, as far as it can be tested without the device mapper; tests/lab/pods/scratch has the rest.
cl_unit_test(test_scratch LIBS cl_agent_core)
target_include_directories(test_scratch PRIVATE ${CMAKE_SOURCE_DIR}/guest-firmware/agent/core)
