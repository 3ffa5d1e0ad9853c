export TENCENT_CI_WORKFLOW_ID=w00000000000000000000000000000001
export TENCENT_CI_OBJECT_KEY=media/0001.mp4
make test-live                         # lists what it will submit, and asks for a yes
make test-live ARGS='--only 7,8,15'    # some questions only: fewer jobs
make test-live ARGS=--yes              # without a terminal
make test-live EMULATOR=1              # the same against the emulator, without cost
