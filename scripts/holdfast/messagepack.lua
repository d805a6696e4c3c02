-- SPDX-License-Identifier: BSD-3-Clause
-- Part of holdfast.lua, the Wireshark dissector: one MessagePack value, read with a cursor `c` of
-- which take() returns the next bytes as a range and fail() ends the reading.

local ESCAPES = {['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t"}

local function quote(text)
	return '"' .. text:gsub('[%c"\\]', function(character)
		return ESCAPES[character] or string.format("\\u%04x", character:byte())
	end) .. '"'
end

-- First byte of a value -> what it is, and of how many bytes its length or its number is.
local HEADS = {
	[0xc4] = {"bin", 1}, [0xc5] = {"bin", 2}, [0xc6] = {"bin", 4},
	[0xc7] = {"ext", 1}, [0xc8] = {"ext", 2}, [0xc9] = {"ext", 4},
	[0xca] = {"float", 4}, [0xcb] = {"float", 8},
	[0xcc] = {"uint", 1}, [0xcd] = {"uint", 2}, [0xce] = {"uint", 4}, [0xcf] = {"uint", 8},
	[0xd0] = {"int", 1}, [0xd1] = {"int", 2}, [0xd2] = {"int", 4}, [0xd3] = {"int", 8},
	[0xd9] = {"str", 1}, [0xda] = {"str", 2}, [0xdb] = {"str", 4},
	[0xdc] = {"array", 2}, [0xdd] = {"array", 4}, [0xde] = {"map", 2}, [0xdf] = {"map", 4},
}

-- Kind of a value; then its length, or the range of its number.
local function head(c)
	local first = c:take(1, "options")
	local byte = first:uint()
	if byte < 0x80 then
		return "uint", first
	elseif byte < 0x90 then
		return "map", byte - 0x80
	elseif byte < 0xa0 then
		return "array", byte - 0x90
	elseif byte < 0xc0 then
		return "str", byte - 0xa0
	elseif byte == 0xc0 then
		return "nil"
	elseif byte == 0xc1 then
		c:fail("options hold the byte c1, which begins no value")
	elseif byte <= 0xc3 then
		return "bool", byte - 0xc2
	elseif byte >= 0xe0 then
		return "int", first
	elseif byte >= 0xd4 and byte <= 0xd8 then
		return "ext", ({1, 2, 4, 8, 16})[byte - 0xd3]
	end
	local kind, bytes = HEADS[byte][1], HEADS[byte][2]
	local range = c:take(bytes, "options")
	if kind == "uint" or kind == "int" or kind == "float" then
		return kind, range
	end
	return kind, range:uint()
end

-- What is no container: its text for people, and its plain value.
local SCALARS = {
	["nil"] = function() return "null" end,
	bool = function(_, bit) return bit == 1 and "true" or "false", bit == 1 end,
	uint = function(_, range) return tostring(range:uint64()), range:uint64() end,
	int = function(_, range) return tostring(range:int64()) end,
	float = function(_, range) return tostring(range:float()) end,
	str = function(c, bytes)
		local range = c:take(bytes, "options")
		local text = bytes > 0 and range:string(ENC_UTF_8) or ""
		return quote(text), text
	end,
	bin = function(c, bytes)
		local range = c:take(bytes, "options")
		return bytes > 0 and range:bytes():tohex(true) or "", range
	end,
	ext = function(c, bytes) -- its type is one byte more
		return "ext " .. c:take(bytes + 1, "options"):bytes():tohex(true)
	end,
}

-- Reads one value: its kind, its text for people, plain, range, and the items of an array.
-- depth: of a container that begins here; deepest: that is allowed.
local function value(c, depth, deepest)
	local at = c.at
	local kind, what = head(c)
	local read = {kind = kind}
	if SCALARS[kind] then
		read.text, read.plain = SCALARS[kind](c, what)
	else
		if depth > deepest then
			c:fail("options are nested too deeply")
		end
		local texts = {}
		read.items = {}
		for i = 1, what do -- ends early enough: each takes a byte at least
			local item = value(c, depth + 1, deepest)
			read.items[i], texts[i] = item, item.text
			if kind == "map" then
				texts[i] = item.text .. ": " .. value(c, depth + 1, deepest).text
			end
		end
		local brackets = kind == "map" and "{%s}" or "[%s]"
		read.text = brackets:format(table.concat(texts, ", "))
	end
	read.range = c.tvb(at, c.at - at)
	return read
end

return {head = head, value = value, quote = quote}
