-- An INSERT into a coalesced mutable stream overwrites only the columns that it gives.
create mutable stream devices (id int, name string, speed float64, unit string default 'km/h', tag nullable(string))
primary key id settings coalesced = true;

insert into devices (id, name) values (1, 'fan');
insert into devices (id, speed) values (1, 2.5);
insert into devices (id, speed, unit) values (2, 7, 'mph')(2, 8, 'mph');

-- query
select id, name, speed, unit, tag from table(devices) order by id;
-- rows
--   [1, "fan", 2.5, "km/h", null]
--   [2, "", 8.0, "mph", null]

-- query
select id, name, speed, unit from devices;
-- rows
--   [1, "fan", 2.5, "km/h"]
--   [2, "", 8.0, "mph"]
insert into devices (id, name) values (2, 'car')(3, 'jet');
-- rows
--   [2, "car", 8.0, "mph"]
--   [3, "jet", 0.0, "km/h"]
insert into devices (id, tag, unit) values (3, 'x', 'm/s');
-- rows
--   [3, "jet", 0.0, "m/s"]

-- query
select unit, sum(speed), count() from devices group by unit emit on update;
-- rows
--   ["km/h", 2.5, 1]
--   ["mph", 8.0, 1]
--   ["m/s", 0.0, 1]
insert into devices (id, speed) values (2, 10)(1, 3);
-- rows
--   ["km/h", 3.0, 1]
--   ["mph", 10.0, 1]
insert into devices (id, unit) values (2, 'm/s');
-- rows
--   ["m/s", 10.0, 2]

-- query
select name, speed, _tp_delta from devices where id = 2 emit changelog;
-- rows
--   ["car", 10.0, 1]
insert into devices (id, speed) values (2, 11);
-- rows
--   ["car", 10.0, -1]
--   ["car", 11.0, 1]

-- error 48 setting version_column of bad does not go with coalesced
create mutable stream bad (id int, v int) primary key id settings coalesced = true, version_column = 'v';
-- error 48 make it an ALIAS
create mutable stream bad (id int, v int, w int materialized v + 1) primary key id settings coalesced = true;
