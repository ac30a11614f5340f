-- Work for the profile: tables, closures, strings, patterns.
local count, list = {}, {}
for i = 1, 60000 do
    local key = "k" .. i % 613
    count[key] = (count[key] or 0) + #key
    if i % 3 == 0 then list[#list + 1] = key end
end
table.sort(list)
local function adder(n) return function(x) return x + n end end
local sum, add = 0, adder(3)
for i = 1, 200000 do sum = add(sum) % 1000003 end
local hits = 0
for a, b in table.concat(list, " "):gmatch("(%a)(%d+)") do hits = hits + #b end
print(#list, sum, hits)
