"""The shape of a test for a DAG; what runs this file puts a DAG in the place of the dots."""


# [START test]
def test_my_dag(tencent_ci_emulator, tencent_ci_connection):  # fixtures of this package
    ...  # run the DAG: it talks to the emulator
    assert tencent_ci_emulator.jobs[0].state == "Success"


# [END test]
