-- grok and extract_key_value_pairs make maps of texts.
create stream s (line string);

-- query
select grok(line, '%{IP:ip} %{WORD:verb} %{URIPATH:path} %{INT:ms}') as g, g['verb'] as verb, extract_key_value_pairs(line, '=')['b'] as b from s;
insert into s (line) values ('10.0.0.1 GET /a 15')('a=1 b=2');
-- rows
--   [{"ip": "10.0.0.1", "verb": "GET", "path": "/a", "ms": "15"}, "GET", ""]
--   [{}, "", "2"]
-- error 36
select grok('x', '%{NOPE:a}');
