airflow backfill create --dag-id nightly_transcode \
  --from-date 2026-01-02T00:00:00+08:00 --to-date 2026-01-03T00:00:00+08:00
