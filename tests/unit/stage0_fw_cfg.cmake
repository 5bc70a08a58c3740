cl_unit_test(test_stage0_fw_cfg SOURCES stage0_machine.c fw_cfg_device.c LIBS cl_stage0_hosted)
