-- A range join pairs rows whose times are close; a bucket of the range that is behind is forgotten.
create stream l (i int, s string, ts datetime);
create stream r (ii int, ss string, tts datetime);

-- query
select s, ss from l join r on i = ii and date_diff_within(10s, ts, tts);

insert into l (i, s, ts) values (1, 'a', '2022-05-23 15:45:10')(2, 'b', '2022-05-23 15:46:10');
insert into r (ii, ss, tts) values (1, 'x', '2022-05-23 15:45:00')(1, 'y', '2022-05-23 15:45:21')
  (2, 'z', '2022-05-23 15:46:09')(2, 'w', '2022-05-23 15:46:19');
-- rows
--   ["a", "x"]
--   ["b", "z"]
--   ["b", "w"]

insert into l (i, s, ts) values (1, 'late', '2022-05-23 15:45:10')(2, 'c', '2022-05-23 15:46:10');
-- rows
--   ["c", "w"]
