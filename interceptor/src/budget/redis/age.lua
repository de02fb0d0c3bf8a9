-- How old the store's memory is, in milliseconds: 0 for the first who asks after it has forgotten everything.
--
-- KEYS: where the moment is kept at which it was first asked.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', now), 'NX')
return now - tonumber(redis.call('GET', KEYS[1]))
