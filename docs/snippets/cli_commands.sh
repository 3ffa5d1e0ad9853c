tencent-ci list                # the batch jobs of the connection's bucket, the youngest first
tencent-ci show JOB_ID         # one job: its request, the result of its files, what to do
tencent-ci tail JOB_ID         # follow a job to its end
tencent-ci cancel JOB_ID       # cancel a job, and wait until it has stopped
tencent-ci resubmit JOB_ID     # submit the failed files of a job that has ended again
