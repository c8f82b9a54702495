-- Which stream was written first counts, also when all rows come at one instant.
create stream orders (id int, customer int);
create stream customers (id int, name string) primary key id settings mode = 'versioned_kv';

-- query
select orders.id, name from orders left join customers on orders.customer = customers.id;

insert into orders (id, customer) values (1, 7);
insert into customers (id, name) values (7, 'Ann');
insert into orders (id, customer) values (2, 7);
insert into customers (id, name) values (7, 'Anna');
insert into orders (id, customer) values (3, 7);
-- rows
--   [1, ""]
--   [2, "Ann"]
--   [3, "Anna"]
