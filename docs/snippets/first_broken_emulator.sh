tencent-ci-emulator --port 8090 --set failing_keys=media/0003.mp4 --set failing_times=2
