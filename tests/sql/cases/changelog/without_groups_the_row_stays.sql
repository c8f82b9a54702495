-- Without GROUP BY the result stays when all rows were taken back, with the values of no rows.
create stream c (v int) settings mode = 'changelog';

-- query
select count(), sum(v), max(v), count_distinct(v), group_uniq_array(v) from c emit periodic 1s;

insert into c (v) values (3)(1)(3);
-- wait 1s
-- rows
--   [3, 7, 3, 2, [1, 3]]

insert into c (v, _tp_delta) values (3, -1);
-- wait 1s
-- rows
--   [2, 4, 3, 2, [1, 3]]

insert into c (v, _tp_delta) values (3, -1)(1, -1);
-- wait 1s
-- rows
--   [0, 0, 0, 0, []]
