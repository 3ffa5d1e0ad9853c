tencent-ci-emulator --port 8090
