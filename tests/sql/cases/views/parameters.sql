-- A view may have parameters, {name:type}; who reads it gives their values.
create stream orders (item string, price float64, at datetime64(3)) settings event_time_column = 'at';
insert into orders (item, price, at) values ('pen', 2, '2026-01-01 10:00:00')('ink', 9, '2026-01-01 10:00:01')('nib', 5, '2026-01-01 10:00:02');
create view dear as select item, price * {factor:float64} as cost from orders where price >= {least:float64};
create view first_dear as select item from dear(least = {least:float64}, factor = 1) limit {n:uint32};

-- query
select item, cost from table(dear(least = 5, factor = 10));
-- rows
--   ["ink", 90.0]
--   ["nib", 50.0]

-- query
select item, cost from dear(factor = 2, least = 2 + 1) as d;
insert into orders (item, price, at) values ('cap', 1, '2026-01-01 10:00:03')('cup', 4, '2026-01-01 10:00:04');
-- rows
--   ["cup", 8.0]

-- query
select item from first_dear(least = 3, n = 1);
insert into orders (item, price, at) values ('pad', 4, '2026-01-01 10:00:05')('box', 4, '2026-01-01 10:00:06');
-- rows
--   ["pad"]
-- end

-- error 60 stream dates does not exist (line 1, column 15)
select n from dates(n = '7');

-- error 36 view dear wants a value for its parameter factor
select item from dear(least = 1);
-- error 36 view dear wants a value for its parameter factor
select item from dear;
-- error 36 view dear has no parameter most: its parameters are factor, least (line 1, column 18)
select item from dear(least = 1, factor = 1, most = 2);
-- error 36 parameter least is given twice
select item from dear(least = 1, least = 2);
-- error 36 orders is no view with parameters
select item from orders(least = 1);
-- error 36 {x:...} is a parameter and belongs into CREATE VIEW
select item from orders where price > {x:float64};
-- error 47 column nope does not exist
select item from dear(least = nope, factor = 1);
-- error 50
create view bad as select item from orders where price > {x:nosuchtype};
-- error 36
create materialized view mv as select item from dear(least = 1);

create materialized view mv as select item from dear(least = 1, factor = 1);
insert into orders (item, price, at) values ('zip', 4, '2026-01-01 10:00:07');
-- query
select item from table(mv);
-- rows
--   ["zip"]
