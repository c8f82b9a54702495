-- Texts stand in single quotes, with backslash escapes or doubled quotes.
-- query
select 'it\'s' as a, 'it''s' as b, 'a\tb\nc' as c, 'back\\slash' as d, length('\\') as e;
-- rows
--   ["it's", "it's", "a\tb\nc", "back\\slash", 1]
