-- Each substream has the watermark of the rows that leave the source, also of those the join drops.
create stream visits (page int, who string, t datetime64(3)) settings event_time_column = 't';
create stream pages (page int, name string);
insert into pages (page, name) values (1, 'home');

-- query
select v.who, window_start, count() from tumble(visits, 5s) as v join table(pages) as p on v.page = p.page
partition by v.who group by window_start;

insert into visits (page, who, t) values (1, 'ann', '2026-01-01 00:00:01')(1, 'bob', '2026-01-01 00:00:01');
-- no rows

-- page 9 has no partner: it closes the window of ann, not that of bob
insert into visits (page, who, t) values (9, 'ann', '2026-01-01 00:00:07');
-- rows
--   ["ann", "2026-01-01 00:00:00.000", 1]

insert into visits (page, who, t) values (1, 'ann', '2026-01-01 00:00:02')(1, 'bob', '2026-01-01 00:00:02');
-- no rows

insert into visits (page, who, t) values (9, 'bob', '2026-01-01 00:00:05');
-- rows
--   ["bob", "2026-01-01 00:00:00.000", 2]
