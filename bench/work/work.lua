-- What Lua programs do: tables, strings, closures, methods. The argument is how often.
local Account = {}
Account.__index = Account

function Account.new(balance)
    return setmetatable({balance = balance, log = {}}, Account)
end

function Account:move(amount)
    self.balance = self.balance + amount
    self.log[#self.log + 1] = amount
    return self
end

local function words(count)
    local parts, state = {}, 12345
    for i = 1, count do
        state = (state * 1103515245 + 12345) % 2147483648
        parts[i] = string.format("w%x", state // 65536 % 997)
    end
    return table.concat(parts, " ")
end

local total = 0
for _ = 1, tonumber(arg[1]) do
    local counts = {}
    for word in words(6000):gmatch("%w+") do
        counts[word] = (counts[word] or 0) + 1
    end
    local names = {}
    for name in pairs(counts) do
        names[#names + 1] = name
    end
    table.sort(names, function(a, b)
        if counts[a] ~= counts[b] then return counts[a] > counts[b] end
        return a < b
    end)
    local account = Account.new(0)
    for i, name in ipairs(names) do
        account:move(counts[name] * i % 7 - 3)
    end
    total = total + account.balance + #account.log
end
print(total)
