-- to_date takes a zone: the date is that of the time there.
-- query
select to_string(to_date(to_datetime('2026-01-01 20:10:00'), 'Asia/Tokyo')) as a,
       to_string(to_date(to_datetime('2026-01-01 20:10:00'))) as b;
-- rows
--   ["2026-01-02", "2026-01-01"]
