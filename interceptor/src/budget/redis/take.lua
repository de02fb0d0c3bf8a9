-- Asks whether all nodes together stay within their limits, and writes down what one of them has used.
--
-- KEYS: one hash for each count of one window. In it `t` is what all have used, and every node has a field of its own with
-- `CHANGE:USED`: what it said last, and how new that was. A node always says everything that it has used, so that a
-- message may be lost, come twice or come late, and a store that has forgotten everything learns it again.
--
-- ARGV: the node; then for each key: change, used with the amount that is asked for, that amount, the limit or -1, and the
-- second at which the count may be forgotten.
--
-- Returns the first key that has not enough left, or 0; then for each key what the other nodes have used.
local node = ARGV[1]
local refused = 0
local seen = {}
for i, key in ipairs(KEYS) do
  local at = 5 * i - 3
  local change, used, most = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3])
  local known = redis.call('HMGET', key, 't', node)
  local said, before = 0, 0
  if known[2] then
    local a, b = string.match(known[2], '^(%d+):(%d+)$')
    said, before = tonumber(a), tonumber(b)
  end
  local others = tonumber(known[1] or '0') - before
  -- A newer message of the same node knows of this amount, too.
  if said > change then used = before end
  if refused == 0 and most >= 0 and others + used > most then refused = i end
  seen[i] = { said = said, before = before, others = others }
end
local answer = { refused }
for i, key in ipairs(KEYS) do
  local at = 5 * i - 3
  local was = seen[i]
  if was.said < tonumber(ARGV[at]) then
    local used = tonumber(ARGV[at + 1])
    if refused > 0 then used = used - tonumber(ARGV[at + 2]) end
    redis.call('HSET', key, node, ARGV[at] .. ':' .. string.format('%.0f', used))
    redis.call('HINCRBY', key, 't', string.format('%.0f', used - was.before))
    redis.call('EXPIREAT', key, ARGV[at + 4])
  end
  answer[i + 1] = was.others
end
return answer
