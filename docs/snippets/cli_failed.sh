tencent-ci list --since 24h --state Failed --output json | python3 -c 'import json, sys; [print(job["Name"], job["Message"]) for job in json.load(sys.stdin)]'
