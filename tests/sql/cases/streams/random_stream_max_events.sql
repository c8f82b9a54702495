-- max_events ends a random stream after so many rows.
create random stream r (i int32 default 1) settings eps = 100;

-- query
select count(), sum(i) from r emit periodic 1s settings max_events = 25;
-- wait 5s
-- rows
--   [25, 25]
-- end
