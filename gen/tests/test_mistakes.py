"""Every mistake of an author stops with `file:line: sentence`."""

from __future__ import annotations

import re
import unittest

from gen.tests.project import FEATURES, NOP, POLICY, mistake

TAIL = """\
  flags      OSZAPC = wwwwww
  access     rw r r r
  does       dst = dst + src
  body       alu2
"""


def block(*rows: str, tail: str = TAIL, name: str = "ADD") -> str:
    """One insn with the given rows; rows start on line 2."""
    return f"insn {name}\n" + "".join(f"  {row}\n" for row in rows) + tail


class Mistakes(unittest.TestCase):
    """One test per mistake; the place is checked, and words of the sentence."""

    def check(self, message: str, place: str, *words: str) -> None:
        self.assertRegex(message, r"^[^:\n]+:\d+: [^\n]+$")
        self.assertTrue(message.startswith(place + ": "), message)
        for word in words:
            self.assertIn(word, message)

    def spec(self, text: str, line: int, *words: str) -> None:
        self.check(mistake(text), f"gen/spec/mini.x86:{line}", *words)

    # --- lines and blocks
    def test_line_before_insn(self) -> None:
        self.spec("  90 ZO\n" + NOP, 1, "before the first insn")

    def test_insn_without_name(self) -> None:
        self.spec("insn\n", 1, "wants a name")

    def test_bad_name(self) -> None:
        self.spec(block("01 /r MR Ev Gv", name="add"), 1, "not an instruction name")

    def test_same_insn_twice(self) -> None:
        self.spec(NOP + NOP, 6, "is there already, at gen/spec/mini.x86:1")

    def test_unknown_field(self) -> None:
        self.spec(NOP + "  speed      fast\n", 6, "neither an opcode nor a field")

    def test_field_twice(self) -> None:
        self.spec(NOP + "  does       more\n", 6, "is there twice")

    def test_empty_field(self) -> None:
        self.spec(block("01 /r MR Ev Gv", tail="  flags OSZAPC = wwwwww\n  does\n  body alu2\n"),
                  4, "is empty")

    def test_no_rows(self) -> None:
        self.spec(block(), 1, "has no rows")

    # --- vendor rules
    RULE = "cold engine SDM NOP, measured : this | that\n"

    def vendors(self, vendors: str, line: int, *words: str, spec: str = "") -> None:
        spec = spec or NOP + "  vendor     cold\n"
        self.check(mistake(spec, vendors=vendors), f"gen/spec/vendors:{line}", *words)

    def test_vendor_rule_accepted(self) -> None:
        self.assertEqual(mistake(NOP + "  vendor     cold\n", vendors=self.RULE), "")
        row = NOP.replace("90              ZO", "90 ZO vendor=cold")
        self.assertEqual(mistake(row, vendors="# text\n\n" + self.RULE), "")

    def test_vendor_rule_unknown(self) -> None:
        self.spec(NOP + "  vendor     warm\n", 2, "vendor rule warm is not in gen/spec/vendors")

    def test_vendor_rule_twice_in_a_row(self) -> None:
        row = NOP.replace("90              ZO", "90 ZO vendor=cold,cold")
        self.spec(row, 2, "the same vendor rule twice")

    def test_vendor_rule_name(self) -> None:
        self.spec(NOP + "  vendor     cold !\n", 6, "! where the name of a vendor rule")

    def test_vendor_rule_unused(self) -> None:
        self.vendors("# text\n" + self.RULE, 2, "no row names the vendor rule cold", spec=NOP)

    def test_vendor_line_without_colon(self) -> None:
        self.vendors("cold engine SDM\n", 1, "wants NAME engine|host SOURCE")

    def test_vendor_bad_name(self) -> None:
        self.vendors(self.RULE + "Cold engine SDM : a | b\n", 2, "Cold is not a rule's name")

    def test_vendor_bad_decider(self) -> None:
        self.vendors("cold guest SDM : a | b\n", 1, "guest decides nothing")

    def test_vendor_bad_source(self) -> None:
        self.vendors("cold engine SDM X, hearsay : a | b\n", 1, "source hearsay")

    def test_vendor_one_answer(self) -> None:
        self.vendors("cold engine \\\n  SDM : a |\n", 1, "fewer than two answers")

    def test_vendor_twice(self) -> None:
        self.vendors(self.RULE * 2, 2, "rule cold is there twice")

    def test_no_flags(self) -> None:
        self.spec("insn NOP\n  90 ZO\n  does nothing\n  body nop\n", 1, "no flags")

    def test_no_does(self) -> None:
        self.spec("insn NOP\n  90 ZO\n  flags OSZAPC = ------\n  body nop\n", 1,
                  "does not say what it does")

    def test_no_body(self) -> None:
        self.spec("insn NOP\n  90 ZO\n  flags OSZAPC = ------\n  does nothing\n", 2,
                  "neither body nor helper")

    # --- effects
    def effect(self, fields: str, *words: str) -> None:
        """A mistake in the fields after `flags`, on line 4."""
        self.spec(block("01 /r MR Ev Gv", tail=f"  flags OSZAPC = wwwwww\n{fields}"
                        "  does dst = dst + src\n  body alu2\n"), 4, *words)

    def test_no_access(self) -> None:
        self.spec(block("01 /r MR Ev Gv", tail=TAIL.replace("  access     rw r r r\n", "")), 2,
                  "operands but no access field")

    def test_bad_access(self) -> None:
        self.effect("  access rw x\n", "x is no access")

    def test_short_access(self) -> None:
        self.effect("  access rw\n", "access names 1 operands, the row has 2")

    def test_bad_implicit(self) -> None:
        self.effect("  implicit EIP=w\n  access rw r\n", "EIP is no implicit register")

    def test_bad_implicit_access(self) -> None:
        self.effect("  implicit rAX\n  access rw r\n", "such as rAX=rw, not rAX")

    def test_implicit_twice(self) -> None:
        self.effect("  implicit rAX=r rAX=w\n  access rw r\n", "rAX is there twice")

    def test_bad_fault(self) -> None:
        self.effect("  faults #PG\n  access rw r\n", "#PG is no exception")

    def test_bad_align(self) -> None:
        self.effect("  align wide\n  access rw r\n", "align wants a number, not wide")

    # --- brace lists
    def test_brace_length(self) -> None:
        self.spec(block("{01,09} /r MR Ev Gv", name="{ADD,OR,ADC}"), 2, "2 members", "has 3")

    def test_brace_open(self) -> None:
        self.spec(block("{01,09 /r MR Ev Gv", name="{ADD,OR}"), 2, "brace")

    def test_brace_same_name(self) -> None:
        self.spec(block("{01,09} /r MR Ev Gv", name="{ADD,ADD}"), 1, "same name twice")

    # --- rows
    def test_bad_opcode(self) -> None:
        self.spec(block("0F 1G /r MR Ev Gv"), 2, "where an opcode byte belongs")

    def test_span_not_aligned(self) -> None:
        self.spec(block("41+r O Zv"), 2, "does not start a group of 8")

    def test_bad_modrm(self) -> None:
        self.spec(block("01 /8 MR Ev Gv"), 2, "none of /r")

    def test_fixed_modrm_memory(self) -> None:
        self.spec(block("D9 1F ZO"), 2, "is a memory form")

    def test_two_immediates(self) -> None:
        self.spec(block("81 /0 iz ib MI Ev Iz"), 2, "do not go together")

    def test_missing_encoding(self) -> None:
        self.spec(block("01 /r Ev Gv"), 2, "encoding column")

    def test_unknown_operand(self) -> None:
        self.spec(block("01 /r MR Ev Kv"), 2, "Kv is neither an operand nor a row word")

    def test_unknown_size(self) -> None:
        self.spec(block("01 /r MR Ek Gv"), 2, "unknown size letter k")

    def test_operand_without_modrm(self) -> None:
        self.spec(block("01 MR Ev Gv"), 2, "needs a ModRM byte")

    def test_register_operand_without_r(self) -> None:
        self.spec(block("81 /0 MR Ev Gv"), 2, "needs /r")

    def test_immediate_operand_without_bytes(self) -> None:
        self.spec(block("81 /0 MI Ev Iz"), 2, "needs an immediate")

    def test_immediate_without_operand(self) -> None:
        self.spec(block("81 /0 iz M Ev"), 2, "is no operand")

    def test_opcode_register_without_span(self) -> None:
        self.spec(block("50 O Zv"), 2, "needs an opcode with +r")

    def test_branch_without_offset(self) -> None:
        self.spec(block("EB D Jb"), 2, "needs cb or cz")

    def test_two_operands_one_field(self) -> None:
        self.spec(block("01 /r MR Ev Ew"), 2, "same field")

    def test_unknown_word(self) -> None:
        self.spec(block("01 /r MR Ev Gv fast"), 2, "neither an operand nor a row word")

    def test_word_twice(self) -> None:
        self.spec(block("01 /r MR Ev Gv lock lock"), 2, "is there twice")

    def test_memonly_and_regonly(self) -> None:
        self.spec(block("01 /r MR Ev Gv memonly regonly"), 2, "cannot be both")

    # --- VEX
    def vex(self, row: str, *words: str) -> None:
        """A mistake in a row with VEX, on line 2."""
        self.spec(block(row, name="VPXOR"), 2, *words)

    def test_vex_unknown_part(self) -> None:
        self.vex("VEX.512.66.0F.WIG EF /r RVM Vx Hx Wx", "512 is no part of a VEX prefix",
                 "VEX.128.66.0F.WIG")
        self.vex("VEX EF /r RVM Vx Hx Wx", "VEX lacks its length (128 256 LIG LZ L0 L1)")
        self.vex("VEX. EF /r RVM Vx Hx Wx", "nothing is no part of a VEX prefix")

    def test_vex_old_notation(self) -> None:
        self.vex("VEX.NDS.128.66.0F.WIG EF /r RVM Vx Hx Wx", "NDS is no part", "operand H or B")

    def test_vex_order(self) -> None:
        self.vex("VEX.66.128.0F.WIG EF /r RVM Vx Hx Wx", "128 is in the wrong place",
                 "the order is VEX.length.pp.map.W")
        self.vex("VEX.128.66.66.0F.WIG EF /r RVM Vx Hx Wx", "66 is in the wrong place")

    def test_vex_lacks_a_part(self) -> None:
        self.vex("VEX.128.66.WIG EF /r RVM Vx Hx Wx", "lacks its map (0F 0F38 0F3A)")
        self.vex("VEX.128.66.0F EF /r RVM Vx Hx Wx", "lacks its W (W0 W1 WIG)")

    def test_vex_opcode(self) -> None:
        self.vex("VEX.128.66.0F.WIG C8+r O Zd", "C8+r where the one opcode byte after VEX")
        self.vex("VEX.128.66.0F.WIG", "end of line where the one opcode byte")

    def test_vex_map_twice(self) -> None:
        self.vex("VEX.128.66.0F.WIG 0F EF /r RVM Vx Hx Wx",
                 "0F EF after a VEX prefix: the prefix names the map")

    def test_vex_words(self) -> None:
        self.vex("VEX.LZ.0F38.W0 F2 /r RVM Gd Bd Ed lock", "lock does not go with a VEX prefix")
        self.vex("VEX.LZ.0F38.W0 F2 /r RVM Gd Bd Ed o32", "o32 does not go with a VEX prefix")

    def test_vex_operand_without_vex(self) -> None:
        self.vex("66 0F EF /r RVM Vx Hx Wx", "operand Hx needs a VEX prefix")
        self.vex("0F 38 F2 /r RVM Gy By Ey", "operand By needs a VEX prefix")
        self.vex("66 0F 38 92 /r RM Vx vm32x", "operand vm32x needs a VEX prefix")
        self.vex("66 0F 3A 4A /r is4 RM Vx Wx Lx", "operand Lx needs a VEX prefix")

    def test_vex_is4(self) -> None:
        self.vex("VEX.128.66.0F3A.W0 4A /r is4 RVMR Vx Hx Wx", "is4 is no operand (L)")
        self.vex("VEX.128.66.0F3A.W0 4A /r RVMR Vx Hx Wx Lx", "operand Lx needs is4")
        self.vex("VEX.128.66.0F3A.W0 4A /r ib is4 RVMR Vx Hx Wx Lx", "do not go together")

    def test_vex_one_vvvv(self) -> None:
        self.vex("VEX.128.66.0F.WIG EF /r RVM Vx Hx Bd", "same field")

    def test_vex_vsib_modrm(self) -> None:
        self.vex("VEX.128.66.0F38.W0 92 RMV vm32x Hx", "operand vm32x needs a ModRM byte")
        self.vex("VEX.128.66.0F38.W0 92 /r RMV Vx vm32x Wx", "same field")

    def test_vex_width_without_length(self) -> None:
        self.vex("VEX.LIG.F3.0F.WIG 58 /r RVM Vx Hx Wss",
                 "width of operand Vx follows the vector length, but the row has LIG")

    def test_vex_w1_general(self) -> None:
        self.vex("VEX.LZ.0F38.W1 F2 /r RVM Gq Bq Eq",
                 "W1 with a general register needs x86-64only")

    def test_vex_overlap(self) -> None:
        rows = ["VEX.LZ.0F38.W0 F2 /r RVM Gd Bd Ed body=nop",
                "VEX.LIG.0F38.W1 F2 /r RVM Vss Hss Wss body=nop"]
        self.spec(block(*rows, name="ANDN"), 3, "same bytes select ANDN")  # 32-bit: W is ignored

    def test_vsib_without_body(self) -> None:
        self.vex("VEX.128.66.0F38.W0 92 /r RMV Vx vm32x Hx body=x_op",
                 "operand vm32x has one address for each element")

    # --- fields
    def test_flags_length(self) -> None:
        self.spec(block("01 /r MR Ev Gv", tail=TAIL.replace("wwwwww", "wwwww")), 3,
                  "6 flags", "5 letters")

    def test_flags_letter(self) -> None:
        self.spec(block("01 /r MR Ev Gv", tail=TAIL.replace("wwwwww", "wwwwwq")), 3,
                  "q is not a flag letter")

    def test_flags_unknown_flag(self) -> None:
        self.spec(block("01 /r MR Ev Gv", tail=TAIL.replace("OSZAPC", "OSZAPQ")), 3,
                  "there is no flag Q")

    def test_flags_twice(self) -> None:
        self.spec(block("01 /r MR Ev Gv", tail=TAIL.replace("OSZAPC", "OSZAPO")), 3, "named twice")

    def test_helper_parameter(self) -> None:
        self.spec(block("01 /r MR Ev Gv helper=daa,speed"), 2, "helper parameter speed")

    def test_helper_too_many_parameters(self) -> None:
        self.spec(block("01 /r MR Ev Gv helper=daa,next,raw,imm,imm2"), 2, "at most three")

    def test_helper_not_declared(self) -> None:
        self.spec(block("01 /r MR Ev Gv helper=nothing,raw"), 2, "core/helpers/helpers.h",
                  "helper_nothing")

    # --- opcode maps
    def test_doubled_opcode(self) -> None:
        self.spec(block("01 /r MR Ev Gv", "01 /r MR Ev Gv"), 3, "same bytes select ADD",
                  "mini.x86:2")

    def test_overlap_by_group(self) -> None:
        self.spec(block("81 /0 iz MI Ev Iz", "81 /r iz MI Ev Iz"), 3, "same bytes select")

    def test_modrm_disagreement(self) -> None:
        self.spec(block("01 /r MR Ev Gv", "F3 01 ZO body=nop"), 3, "has a ModRM byte in one row")

    # --- bodies and templates
    def test_missing_body(self) -> None:
        self.spec(block("01 /r MR Ev Gv body=alu99"), 2, "body alu99 is missing for this host")

    def test_body_wants_operand(self) -> None:
        self.spec(block("01 /r MR Ev body=alu2"), 2, "mentions src", "has 1 operands")

    def test_body_wants_literal(self) -> None:
        self.spec(block("D3 /0 MC Ev CL"), 2, "operand CL can only be spelled by the body")

    def test_body_wants_condition(self) -> None:
        self.spec(block("01 /r MR Gv Ev body=cmov"), 2, "mentions cc")

    def test_body_wants_exploded_immediate(self) -> None:
        self.spec(block("D1 /0 M Ev body=shift_imm32"), 2, "explodes an immediate")

    def test_body_wants_immediate(self) -> None:
        self.spec(block("01 /r RMI Gv Ev body=imul3"), 2, "wants an immediate")

    def test_body_wants_target(self) -> None:
        self.spec(block("90 ZO body=jmp"), 2, "wants a branch target")

    def test_body_wants_one_address_size(self) -> None:
        self.spec(block("E2 cb D Jb body=loop"), 2, "mentions addrsize", "a16, a32 or a64")

    def test_lock_without_body_support(self) -> None:
        self.spec(block("01 /r MR Ev Gv lock body=mov"), 2, "LOCK", "does not mention lock")

    def test_rep_without_body_support(self) -> None:
        self.spec(block("A4 ZO rep body=nop"), 2, "REP", "does not mention rep")

    def template(self, text: str, line: int, *words: str) -> None:
        message = mistake(NOP, templates={"int/nop.j2": text})
        self.check(message, f"templates/x86_64/int/nop.j2:{line}", *words)

    def test_template_syntax(self) -> None:
        self.template("{#- nop: nothing -#}\n{% if %}\n", 2, "template syntax")

    def test_template_unknown_name(self) -> None:
        self.template("{#- nop: nothing -#}\n\n    mov {{ speed }}, %eax\n", 3,
                      "speed is no name that a body may mention")

    def test_template_without_head(self) -> None:
        self.template("{{ next() }}\n", 1, "starts with a comment")

    def test_template_bad_attribute(self) -> None:
        text = block("01 /r MR Ev Gv")
        alu2 = "{#- alu2: wrong -#}\n    op {{ dst.speed }}, {{ src }} {{ lock }}\n"
        self.check(mistake(text, templates={"int/alu2.j2": alu2}), "templates/x86_64/int/alu2.j2:2",
                   "speed")

    def test_dispatch_syntax(self) -> None:
        message = mistake(NOP, templates={"lib/dispatch.j2": "{% macro next( %}\n"})
        self.check(message, "templates/x86_64/lib/dispatch.j2:1", "template syntax")

    # --- the host's mapping
    def mapping(self, text: str, *words: str, spec: str = NOP) -> None:
        self.check(mistake(spec, templates={"mapping": "# text\n" + text}),
                   "templates/x86_64/mapping:2", *words)

    def test_body_of_several_parts(self) -> None:
        self.spec(block("01 /r MR Ev Gv body=x8_load+x8_op"), 2, "where the name of a body belongs")

    def test_mapping_verb(self) -> None:
        self.mapping("map NOP=nop\n", "map is no mapping")

    def test_mapping_empty(self) -> None:
        self.mapping("alias\n", "alias says nothing")

    def test_alias_without_host(self) -> None:
        self.mapping("alias NOP\n", "such as CBW=cbtw, not NOP")

    def test_alias_twice(self) -> None:
        self.mapping("alias NOP=nop NOP=hlt\n", "NOP has an alias already")

    def test_sequence_without_plus(self) -> None:
        self.mapping("sequence nop = nop nop\n", "wants BODY = PART + PART")

    def test_sequence_for_nothing(self) -> None:
        self.mapping("sequence nop = nop for\n", "wants BODY = PART + PART")

    def test_sequence_never_reached(self) -> None:
        message = mistake(NOP, templates={
            "mapping": "sequence nop = nop\nsequence nop = hint for NOP\n"})
        self.check(message, "templates/x86_64/mapping:2", "takes nop of every instruction")

    def test_sequence_of_missing_part(self) -> None:
        self.mapping("sequence nop = nop99\n", "body nop99 is missing for this host")

    # --- policy and features
    def policy(self, text: str, line: int, *words: str) -> None:
        self.check(mistake(NOP, policy=text), f"gen/spec/default.policy:{line}", *words)

    def test_policy_missing(self) -> None:
        self.policy("", 1, "missing")

    def test_policy_unknown(self) -> None:
        self.policy(POLICY + "inline add32_rr\n", 3, "is no policy")

    def test_policy_budget_number(self) -> None:
        self.policy("budget gadgets many\n", 1, "and a number")

    def test_policy_no_budget(self) -> None:
        self.policy("# nothing\n", 1, "no budget")

    def test_policy_without_patterns(self) -> None:
        self.policy(POLICY + "fuse\n", 3, "wants patterns")

    def test_policy_matches_nothing(self) -> None:
        self.policy(POLICY + "by_base mov32_*\n", 3, "matches no table")

    def test_policy_unexploded(self) -> None:
        self.policy(POLICY + "unexploded paddb_xx\n", 3, "unexploded paddb_xx matches no table")
        text = block("VEX.128.66.0F3A.W0 4A /r is4 RVMR Vx Hx Wx Lx", name="VBLENDVPS",
                     tail=TAIL.replace("alu2", "four"))
        message = mistake(text, policy=POLICY + "unexploded vblendvps_xxxx\n",
                          templates={"vector/four.j2": "{#- four: operands -#}\n    {{ op }} "
                                     "{{ src3 }}, {{ src2 }}, {{ src }}, {{ dst }}\n"})
        self.check(message, "gen/spec/mini.x86:2", "body scratch_src2_x is missing for this host")

    def test_policy_budget_exceeded(self) -> None:
        message = mistake(block("01 /r MR Ev Gv"),
                          policy="budget gadgets 10\nbudget bytes 100000\n")
        self.check(message, "gen/spec/default.policy:2", "the budget is 10")

    def features(self, spec: str, text: str, place: str, *words: str) -> None:
        self.check(mistake(spec, features=text), place, *words)

    def test_feature_line(self) -> None:
        self.features(NOP, "MMX 1.edx 40\n", "gen/spec/features:1", "a feature wants")

    def test_feature_twice(self) -> None:
        self.features(NOP, FEATURES + FEATURES, "gen/spec/features:2", "is there twice")

    def test_feature_unknown(self) -> None:
        self.features(NOP + "  feature    WARP\n", FEATURES, "gen/spec/mini.x86:2",
                      "unknown feature WARP")

    def test_feature_word(self) -> None:
        self.features(NOP, "MMX 1.edx 23 soon\n", "gen/spec/features:1", "soon is no word")

    def test_feature_needs(self) -> None:
        self.features(NOP, "MMX 1.edx 23 needs=FPU\n" + FEATURES, "gen/spec/features:1",
                      "MMX needs FPU, which no line above has")

    def test_feature_bit_twice(self) -> None:
        self.features(NOP, FEATURES + "FPV 1.edx 0\n", "gen/spec/features:2",
                      "FPV has the bit of FPU")


class Messages(unittest.TestCase):
    """What is right gives no message."""

    def test_right_spec(self) -> None:
        self.assertEqual(mistake(NOP), "")
        self.assertEqual(mistake(block("01 /r MR Ev Gv lock", "03 /r RM Gv Ev")), "")

    def test_form_of_all_messages(self) -> None:
        message = mistake(block("01 /r MR Ev Kv"))
        self.assertTrue(re.match(r"[\w./]+:\d+: .+", message))


if __name__ == "__main__":
    unittest.main()
