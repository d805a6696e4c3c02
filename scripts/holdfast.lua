-- SPDX-License-Identifier: BSD-3-Clause
-- Wireshark dissector of the Holdfast protocol, version 1 (docs/protocol.md), with an analysis of
-- the numbers of DATA in the manner of TCP's.
--
--     wireshark -X lua_script:scripts/holdfast.lua
--
-- or, for good, copied with the folder holdfast/ to where Wireshark looks for plugins. Written for
-- Lua 5.2 to 5.4: no operators on bits, and whole numbers up to 2^53.

local here = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
local messagepack = dofile(here .. "holdfast/messagepack.lua")
local analysis = dofile(here .. "holdfast/analysis.lua")
local tables = dofile(here .. "holdfast/tables.lua")
local WIRE, RULES, CODES = tables.WIRE, tables.RULES, tables.CODES
local OPTIONS, FLAGS = tables.OPTIONS, tables.FLAGS
local ROLES = {[0] = "client", [1] = "backend"}

local TYPES = {}
for number, rule in pairs(RULES) do
	TYPES[number] = rule[1]
end

---------------------------------------------------------------------------------------------------
-- Fields

local holdfast = Proto("holdfast", "Holdfast")
local F = {}

local function field(name, kind, title, ...)
	F[name] = ProtoField[kind]("holdfast." .. name, title, ...)
end

field("version", "uint8", "Version")
field("type", "uint8", "Type", base.DEC, TYPES)
field("flags", "uint8", "Flags", base.HEX)
for name, bit in pairs(FLAGS) do
	field("flags." .. name:lower(), "bool", name, 8, nil, bit)
end
field("channel", "uint8", "Channel")
field("window", "uint16", "Window")
field("aux", "uint16", "Aux")
field("aux.asks", "bool", "Asks for an ACK", 16, nil, 0x0001)
field("aux.holes", "uint16", "Holes asked for since the last ACK", base.DEC, nil, 0xfffe)
field("aux.event", "uint16", "Event's number")
field("aux.asked", "uint16", "Times asked before without a sign of life")
field("handle", "uint64", "Handle", base.HEX)
field("handle.slot", "uint32", "Slot")
field("handle.tag", "uint32", "Tag", base.HEX)
field("seq", "uint32", "Number")
field("ack", "uint32", "Acknowledges up to")
field("session", "bytes", "Session id")
field("epoch", "uint32", "Epoch")
field("epoch_standing", "uint32", "Epoch that stands")
field("role", "uint8", "Role", base.DEC, ROLES)
field("triples", "uint8", "Number of triples")
field("lane", "uint16", "Lane")
field("cookie", "bytes", "Cookie")
field("triple.oldest", "uint64", "Oldest still unacknowledged")
field("triple.next", "uint64", "Next to be given")
field("triple.expected", "uint64", "Expected from the peer")
field("code", "uint16", "Code", base.DEC, CODES)
field("retriable", "uint8", "Retriable")
field("retry_after", "uint32", "Retry after, ms")
field("zero", "uint16", "Zero")
field("nak.first", "uint32", "First number")
field("nak.count", "uint32", "Count")
field("heartbeat", "bytes", "To be returned")
field("message.length", "uint16", "Length")
field("message", "bytes", "Message")
field("options", "uint16", "Options, number of keys")
field("option", "string", "Option")
field("padding", "bytes", "Padding")
field("rest", "bytes", "Not understood")
for key, kind in pairs(OPTIONS) do
	local types = {TEXT = "string", TEXTS = "string", BIN = "bytes", BOOL = "bool"}
	field("option." .. key, types[kind] or "uint64", key)
end
field("number", "uint64", "Number, in 64 bits")
field("ack_number", "uint64", "Acknowledges up to, in 64 bits")
field("analysis.first_in", "framenum", "This number came first in")
field("analysis.asked_in", "framenum", "Asked for by the NAK in")

-- An expert info is a field as well: its name is a filter.
local E, TITLES = {}, {}

local function notice(name, title, group, severity)
	TITLES[name] = title
	E[name] = ProtoExpert.new("holdfast." .. name, title, expert.group[group],
				  expert.severity[severity])
end

notice("malformed", "Malformed", "MALFORMED", "ERROR")
notice("cut", "Cut short by the capture", "UNDECODED", "NOTE")
notice("analysis.retransmission", "Sent again", "SEQUENCE", "NOTE")
notice("analysis.replayed", "From an outbox or a replay cache", "SEQUENCE", "CHAT")
notice("analysis.duplicate", "Doubled", "SEQUENCE", "NOTE")
notice("analysis.out_of_order", "Out of order", "SEQUENCE", "NOTE")
notice("analysis.out_of_window", "Beyond the receiver's window", "SEQUENCE", "WARN")
notice("analysis.ack_beyond", "Acknowledges what was not sent, or not captured", "SEQUENCE", "WARN")
notice("analysis.nak", "Asks for holes", "SEQUENCE", "NOTE")

local MARKS = {"retransmission", "replayed", "duplicate", "out_of_order", "out_of_window",
	       "ack_beyond", "nak"}

for list, all in pairs({fields = F, experts = E}) do
	local array = {}
	for _, one in pairs(all) do
		array[#array + 1] = one
	end
	holdfast[list] = array
end

holdfast.prefs.port = Pref.uint("UDP port", WIRE.PORT_DEFAULT, "The one UDP port of gateways")

---------------------------------------------------------------------------------------------------
-- Reading: a cursor that never goes beyond what is there

-- Ends the reading of this body. dissect() catches it and shows it as expert info.
local function fail(_, text, cut)
	error({text = text, cut = cut}, 0)
end

-- The next bytes, as a range. limit: where this part of the frame ends.
local function take(c, bytes, what)
	local at = c.at
	if at + bytes > c.limit then
		fail(c, "it ends within " .. what)
	elseif at + bytes > c.tvb:len() then
		fail(c, "the capture ends within " .. what, true)
	end
	c.at = at + bytes
	return c.tvb(at, bytes)
end

-- Shows the next bytes as a field. Returns range and item.
local function show(c, tree, name, bytes)
	local range = take(c, bytes, name)
	return range, tree:add(F[name], range)
end

local function number(c, tree, name, bytes)
	return (show(c, tree, name, bytes)):uint()
end

-- Shows all that is left. Returns how many bytes that is in the frame, captured or not.
local function show_rest(c, tree, name)
	local bytes, captured = c.limit - c.at, math.min(c.limit, c.tvb:len()) - c.at
	if captured > 0 then
		tree:add(F[name], take(c, captured, name))
	end
	if captured < bytes then
		fail(c, "the capture ends within " .. name, true)
	end
	return bytes
end

-- Shows what `part` reads under a line of its own. Returns what it returns.
local function group(c, tree, title, part)
	local at = c.at
	local item = tree:add(c.tvb(at, 0), title)
	local told = part(c, item)
	item:set_len(c.at - at)
	return told
end

local function malformed(c, text)
	c.tree:add_proto_expert_info(E.malformed, "Malformed: " .. text)
	c.marks[#c.marks + 1] = "malformed: " .. text
end

local function has(flags, bit)
	return math.floor(flags / bit) % 2 == 1
end

local function say(c, ...)
	c.info[#c.info + 1] = string.format(...)
end

---------------------------------------------------------------------------------------------------
-- Options: one MessagePack map

local KINDS = {TEXT = "str", BIN = "bin", BOOL = "bool", U32 = "uint", U64 = "uint"}

-- Shows the value of a key that is known under a field of its own.
local function option_known(c, tree, key, read)
	local kind, name = OPTIONS[key], "option." .. key
	local good = read.kind == (KINDS[kind] or "array")
	if kind == "TEXTS" and good then
		for _, item in ipairs(read.items) do
			if item.kind == "str" then
				tree:add(F[name], item.range, item.plain)
			end
			good = good and (item.kind == "str" or item.kind == "nil")
		end
	elseif kind == "BIN" and good then
		if read.plain:len() > 0 then
			tree:add(F[name], read.plain)
		end
	elseif good then
		tree:add(F[name], read.range, read.plain)
	end
	if not good then
		malformed(c, "option " .. key .. " has a value of another kind")
	end
	c.options[key] = good and read or nil
end

local function option(c, tree, seen)
	local at = c.at
	local key = messagepack.value(c, 2, WIRE.OPTIONS_DEPTH_MAX)
	if key.kind ~= "str" then
		fail(c, "options have a key that is no string")
	end
	local read = messagepack.value(c, 2, WIRE.OPTIONS_DEPTH_MAX)
	local name = key.plain
	if seen[name] then
		malformed(c, "the option " .. name .. " stands twice")
	end
	seen[name] = true
	local shown = messagepack.quote(name):sub(2, -2) .. " " .. read.text
	local item = tree:add(F.option, c.tvb(at, c.at - at), shown)
	if OPTIONS[name] then
		option_known(c, item, name, read)
	end
end

local function zeros(range)
	return not range:bytes():tohex():find("[^0]")
end

-- Zeros after options, or instead of them.
local function padding(c)
	local at, tvb = c.at, c.tvb
	if at < c.limit then
		show_rest(c, c.tree, "padding")
		if not zeros(tvb(at, c.at - at)) then
			malformed(c, "what follows the options is not zeros")
		end
	end
end

local function options(c)
	local limit, at = c.limit, c.at
	if at >= limit or (at < c.tvb:len() and c.tvb(at, 1):uint() == 0) then
		return padding(c)
	end
	c.limit = math.min(limit, at + WIRE.OPTIONS_BYTES_MAX)
	local kind, count = messagepack.head(c)
	if kind ~= "map" then
		fail(c, "options are not a map")
	end
	local tree, seen = c.tree:add(F.options, c.tvb(at, c.at - at), count), {}
	for _ = 1, count do
		option(c, tree, seen)
	end
	c.limit = limit
	padding(c)
end

---------------------------------------------------------------------------------------------------
-- Bodies

local LARGEST = 2 ^ 53

-- A triple; nil where its numbers are not exact here, which no session reaches.
local function triple(c, tree)
	local found, good = {}, true
	for _, name in ipairs({"oldest", "next", "expected"}) do
		local range = show(c, tree, "triple." .. name, 8)
		found[name] = range:uint64():tonumber()
		good = good and found[name] >= 0 and found[name] < LARGEST
	end
	if not good or found.oldest > found.next or found.next - found.oldest > WIRE.WINDOW_MAX then
		malformed(c, "a triple that nobody can have")
		return
	end
	c.triples[#c.triples + 1] = found
end

local function handshake(c)
	show(c, c.tree, "session", 16)
	local epoch = number(c, c.tree, "epoch", 4)
	local role = number(c, c.tree, "role", 1)
	local count = number(c, c.tree, "triples", 1)
	local lane = number(c, c.tree, "lane", 2)
	local has_cookie = not zeros((show(c, c.tree, "cookie", 16)))
	say(c, "%s epoch %d", ROLES[role] or "role " .. role, epoch)
	if c.name == "HELLO" then
		say(c, has_cookie and "with cookie" or "without cookie")
	end
	if epoch == 0 or role > 1 or (role == 0 and lane ~= 0) then
		malformed(c, "epoch 0, or a role or lane that there is not")
	end
	if (role == 0 and (count < 1 or count > WIRE.CHANNELS_MAX)) or (role == 1 and count > 0) or
	   (c.name == "OPEN" and (role ~= 0 or count ~= 1)) then
		malformed(c, "not that many triples")
	end
	for k = 1, count do
		group(c, c.tree, "Triple of channel " .. k - 1, triple)
	end
	options(c)
	for _, key in ipairs({"service", "services", "backend", "backends", "client", "resumed"}) do
		if c.options[key] then
			say(c, "%s %s", key, c.options[key].text)
		end
	end
end

local function code(c)
	local found = number(c, c.tree, "code", 2)
	say(c, "%s", CODES[found] or "code " .. found)
end

local function reason(c)
	options(c)
	if c.options.reason then
		say(c, "%s", c.options.reason.text)
	end
end

local function message(c)
	say(c, "%d byte%s", c.limit - c.at, c.limit - c.at == 1 and "" or "s")
	show_rest(c, c.tree, "message")
end

local function bundle(c)
	local count, bytes = 0, c.limit - c.at
	say(c, "%d bytes", bytes)
	while c.at < c.limit do
		count = count + 1
		group(c, c.tree, "Message " .. count, function(_, tree)
			local length = number(c, tree, "message.length", 2)
			if length > 0 then
				show(c, tree, "message", length)
			end
		end)
	end
	say(c, "in %d messages", count)
end

local function nak_pair(c, tree)
	local first = number(c, tree, "nak.first", 4)
	local count = number(c, tree, "nak.count", 4)
	local text = string.format("#%.0f", first)
	if count ~= 1 then
		text = string.format("%.0f frames from %s", count, text)
	end
	c.pairs[#c.pairs + 1] = {first = first, count = count}
	tree:append_text(" " .. text)
	return text
end

local function nak(c)
	local told = {}
	while c.at < c.limit do
		told[#told + 1] = group(c, c.tree, "Asks for", nak_pair)
	end
	say(c, "%s", table.concat(told, ", ", 1, math.min(#told, 4)))
	if #told > 4 then
		say(c, "and more")
	end
end

local BODIES = {
	HELLO = handshake, WELCOME = handshake, OPEN = handshake,
	RETRY = function(c)
		show(c, c.tree, "session", 16)
		say(c, "epoch %d", number(c, c.tree, "epoch", 4))
		show(c, c.tree, "cookie", 16)
	end,
	REJECT = function(c)
		show(c, c.tree, "session", 16)
		local epoch = number(c, c.tree, "epoch", 4)
		code(c)
		say(c, "epoch %d", epoch)
		number(c, c.tree, "retriable", 1)
		number(c, c.tree, "zero", 1)
		number(c, c.tree, "retry_after", 4)
		local standing = number(c, c.tree, "epoch_standing", 4)
		if standing > 0 then
			say(c, "standing %d", standing)
		end
		reason(c)
	end,
	OPEN_ACK = function(c)
		code(c)
		number(c, c.tree, "zero", 2)
		say(c, "epoch %d", number(c, c.tree, "epoch_standing", 4))
		triple(c, c.tree)
	end,
	DATA = function(c)
		return (has(c.flags, FLAGS.BUNDLE) and bundle or message)(c)
	end,
	DATAGRAM = message,
	NAK = nak,
	HEARTBEAT = function(c) show(c, c.tree, "heartbeat", 8) end,
	HEARTBEAT_ACK = function(c) show(c, c.tree, "heartbeat", 8) end,
	EVENT = function(c)
		options(c)
		say(c, "%s", c.options.event and c.options.event.text or "without a name")
	end,
	CLOSE = function(c)
		code(c)
		number(c, c.tree, "zero", 2)
		reason(c)
	end,
	CONFIRM = function(c) say(c, "epoch %d", number(c, c.tree, "epoch", 4)) end,
}

---------------------------------------------------------------------------------------------------
-- Header

-- aux in its meaning for the type.
local AUX = {
	ACK = {"aux.asks", "aux.holes"}, EVENT = {"aux.event"}, EVENT_ACK = {"aux.event"},
	HEARTBEAT = {"aux.asked"}, HEARTBEAT_ACK = {"aux.asked"},
}

local function header(c)
	c.version = number(c, c.tree, "version", 1)
	c.type = number(c, c.tree, "type", 1)
	c.name = TYPES[c.type] or "type " .. c.type
	local range, item = show(c, c.tree, "flags", 1)
	c.flags = range:uint()
	c.replayed = has(c.flags, FLAGS.REPLAYED)
	for _, name in ipairs({"more", "bundle", "replayed", "resume", "sealed"}) do
		item:add(F["flags." .. name], range)
	end
	c.channel = number(c, c.tree, "channel", 1)
	c.window = number(c, c.tree, "window", 2)
	range, item = show(c, c.tree, "aux", 2)
	c.aux = range:uint()
	for _, name in ipairs(AUX[c.name] or {}) do
		item:add(F[name], range)
	end
	range, item = show(c, c.tree, "handle", 8)
	c.handle = range:bytes():tohex(true)
	item:add(F["handle.slot"], range(0, 4))
	item:add(F["handle.tag"], range(4, 4))
	c.seq = number(c, c.tree, "seq", 4)
	c.ack = number(c, c.tree, "ack", 4)
end

-- What is wrong with a header, or nil. The order is that of frame_judge() in protocol/frame.c.
local function judge(c)
	local rule = RULES[c.type]
	if c.version ~= WIRE.VERSION then
		return "version " .. c.version
	elseif not rule then
		return "no such type"
	end
	local least, most, flags, from, handle = rule[2], rule[3], rule[4], rule[5], rule[6]
	for bit = 0, 7 do
		if has(c.flags, 2 ^ bit) and not has(flags, 2 ^ bit) then
			return "a flag that the type cannot carry"
		end
	end
	if has(c.flags, FLAGS.MORE) and has(c.flags, FLAGS.BUNDLE) then
		return "MORE with BUNDLE"
	elseif c.channel >= WIRE.CHANNELS_MAX or (c.channel ~= 0 and not rule[7]) then
		return "a channel that there is not"
	end
	local none = not c.handle:find("[^0]")
	if (handle == "NONE" and not none) or (handle == "NEEDED" and none) then
		return none and "no handle" or "a handle where there is none"
	end
	local bytes = c.limit - WIRE.HEADER_BYTES
	if bytes < least or bytes > most or
	   (c.name == "NAK" and bytes % WIRE.NAK_PAIR_BYTES ~= 0) then
		return "a body of " .. bytes .. " bytes"
	elseif from ~= "ANY" and (from == "GATEWAY") == c.up then
		return "sent by the wrong side"
	end
end

-- What a header says, for people.
local function summary(c)
	if c.channel > 0 then
		say(c, "channel %d", c.channel)
	end
	if c.name == "DATA" then
		say(c, "#%.0f ack %.0f", c.result.number or c.seq, c.result.ack or c.ack)
	elseif c.name == "ACK" then
		say(c, "%.0f next #%.0f", c.result.ack or c.ack, c.result.number or c.seq)
		local holes = math.floor(c.aux / 2)
		if holes > 0 then
			say(c, "%d hole%s", holes, holes == 1 and "" or "s")
		end
		if c.aux % 2 == 1 then
			say(c, "asks for ACK")
		end
	elseif c.name == "NAK" then
		say(c, "ack %.0f asks for", c.result.ack or c.ack)
	elseif c.name == "EVENT" or c.name == "EVENT_ACK" then
		say(c, "#%d", c.aux)
	elseif c.name == "HEARTBEAT" and c.aux > 0 then
		say(c, "asked %d times before", c.aux)
	end
	for _, name in ipairs({"MORE", "BUNDLE", "RESUME"}) do
		if has(c.flags, FLAGS[name]) then
			c.marks[#c.marks + 1] = name:lower()
		end
	end
end

---------------------------------------------------------------------------------------------------
-- One frame

local results = {} -- packet -> what the first pass found; a later one only shows it

function holdfast.init()
	results = {}
	analysis.reset()
end

local function generated(c, name, value)
	if value then
		local shown = value
		if name == "number" or name == "ack_number" then
			shown = UInt64.new(value % 4294967296, math.floor(value / 4294967296))
		end
		c.tree:add(F[name], c.tvb(0, 0), shown):set_generated()
	end
end

local function show_result(c)
	local result = c.result
	generated(c, "number", result.number)
	generated(c, "ack_number", result.ack)
	generated(c, "analysis.first_in", result.first_in)
	generated(c, "analysis.asked_in", result.asked_in)
	for _, name in ipairs(MARKS) do
		local why = result[name]
		if why then
			local shown = name:gsub("_", " ")
			local text = TITLES["analysis." .. name] .. (why ~= true and ": " .. why or "")
			c.tree:add_proto_expert_info(E["analysis." .. name], text)
			if name ~= "nak" then
				c.marks[#c.marks + 1] = shown
			end
		end
	end
end

-- Runs a part of the reading that may find the frame's end too early. Returns whether it did not.
local function reads(c, part)
	local good, fault = pcall(part, c)
	if good then
		return true
	elseif type(fault) ~= "table" then
		error(fault, 0) -- a fault of this script: to be seen
	elseif fault.cut or c.quoted then
		c.tree:add_proto_expert_info(E.cut, "Cut short: " .. fault.text)
	else
		malformed(c, fault.text)
	end
	return false
end

-- Who speaks with which gateway. Where both ports are the gateway's, the lower address is taken for
-- it; that only has to be the same both ways.
local function sides(c, pinfo)
	local source, target = tostring(pinfo.src), tostring(pinfo.dst)
	local port = holdfast.prefs.port
	c.up = pinfo.src_port ~= port or (pinfo.dst_port == port and target < source)
	source, target = source .. " " .. pinfo.src_port, target .. " " .. pinfo.dst_port
	c.gateway, c.endpoint = c.up and target or source, c.up and source or target
end

-- Info of the header goes before that of the body, which must be read first: the analysis needs it.
local function dissect(c, pinfo)
	-- An ICMP error quotes the beginning of a frame: nobody sent that here.
	c.quoted = pinfo.in_error_pkt
	sides(c, pinfo)
	if not reads(c, header) then
		say(c, "%s", c.name)
		return
	end
	local fault, body = judge(c), BODIES[c.name]
	if fault and not c.quoted then
		malformed(c, fault)
	end
	-- The beginning of HELLO is the same in all versions.
	if body and (c.version == WIRE.VERSION or c.name == "HELLO") then
		reads(c, body)
	end
	if c.at < c.tvb:len() then
		c.tree:add(F.rest, c.tvb(c.at))
	end
	if not pinfo.visited and not fault and not c.quoted then
		results[pinfo.number] = analysis.take(c)
	end
	c.result = results[pinfo.number] or {}
	local told = c.info
	c.info = {c.name}
	summary(c)
	for _, text in ipairs(told) do
		c.info[#c.info + 1] = text
	end
	show_result(c)
end

function holdfast.dissector(tvb, pinfo, tree)
	local c = setmetatable({
		tvb = tvb, at = 0, limit = tvb:reported_len(), packet = pinfo.number,
		name = "no whole header", info = {}, marks = {}, options = {}, triples = {}, pairs = {},
	}, {__index = {take = take, fail = fail}})
	c.tree = tree:add(holdfast, tvb())
	pinfo.cols.protocol:set("Holdfast")
	dissect(c, pinfo)
	for _, mark in ipairs(c.marks) do
		c.info[#c.info + 1] = "[" .. mark .. "]"
	end
	local text = table.concat(c.info, " ")
	pinfo.cols.info:set(text)
	c.tree:append_text(", " .. text)
	return tvb:len()
end

local udp, registered = DissectorTable.get("udp.port"), WIRE.PORT_DEFAULT

udp:add(registered, holdfast)

function holdfast.prefs_changed()
	if holdfast.prefs.port ~= registered then
		udp:remove(registered, holdfast)
		registered = holdfast.prefs.port
		udp:add(registered, holdfast)
	end
end
