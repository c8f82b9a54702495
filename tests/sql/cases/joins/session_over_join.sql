-- A session over a join is one of the rows that leave the source: those without a partner end it too.
create stream visits (page int, t datetime64(3)) settings event_time_column = 't';
create stream pages (page int, name string);
create stream sites (name string, site string);
insert into pages (page, name) values (1, 'home');
insert into sites (name, site) values ('home', 'example');

-- query
select window_start, window_end, count() from session(visits, 5s) as v
join table(pages) as p on v.page = p.page join table(sites) as s on p.name = s.name
group by window_start, window_end;

insert into visits (page, t) values (1, '2026-01-01 00:00:01');
insert into visits (page, t) values (9, '2026-01-01 00:00:04');
-- no rows

insert into visits (page, t) values (9, '2026-01-01 00:00:09');
-- rows
--   ["2026-01-01 00:00:01.000", "2026-01-01 00:00:09.000", 1]
