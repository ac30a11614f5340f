/* Lowering: a block's instructions to gadgets and parameters. Third stage of a block's way.
 *
 * What an instruction becomes is in its generated variant (rows.h); this file only knows how a
 * memory operand reaches its gadgets (EA preludes), which flags are live after an instruction, and
 * which neighbours are fused. */
#include "core/build/block.h"
#include "core/cpu/cpu.h"
#include "core/base/debug.h"
#include "core/build/ngram.h"
#include "core/build/profile.h"
#include "core/host/host.h"
#include "core/base/space_state.h"

#include <assert.h>
#include <string.h>

/* Where parameters of the gadget being emitted go: `at` counts bytes from its slot 0. */
struct emitter {
    struct lowered *low;
    uint64_t *gadget;
    unsigned at;
};

static const struct guest_shape *shape_of(const struct lowered *low) {
    return &guest_shapes[low->mode];
}

static void begin(struct emitter *e, const void *gadget, uint32_t id) {
    assert(e->low->slots + 12 < ARRAY_LEN(e->low->slot));
    assert(e->low->gadgets < ARRAY_LEN(e->low->gadget));
    e->gadget = &e->low->slot[e->low->slots];
    memset(e->gadget, 0, 12 * sizeof *e->gadget);
    e->gadget[0] = (uint64_t)(uintptr_t)gadget;
    e->low->id[e->low->gadgets] = id;
    e->at = 8;
}

static void put32(struct emitter *e, uint32_t value) {
    memcpy((char *)e->gadget + e->at, &value, 4);
    e->at += 4;
}

static void put64(struct emitter *e, uint64_t value) {
    e->at = (e->at + 7) & ~7u;
    memcpy((char *)e->gadget + e->at, &value, 8);
    e->at += 8;
}

static void put_link(struct emitter *e, gaddr_t target) {
    struct lowered *low = e->low;
    e->at = (e->at + 7) & ~7u;
    assert(low->exits < FIBER_MAX_EXITS);
    low->exit[low->exits].slot = low->slots + e->at / 8;
    low->exit[low->exits].target = target;
    low->exits++;
    put64(e, 0);
}

static void finish(struct emitter *e) {
    struct lowered *low = e->low;
    low->gadget[low->gadgets++] = (uint16_t)low->slots;
    low->slots += (e->at + 7) / 8;
}

static gaddr_t next_pc(const struct insn *insn) {
    return insn->pc + insn->len;
}

/* A guest address as a gadget's parameter. */
static void put_address(struct emitter *e, gaddr_t address) {
    put64(e, e->low->mode == GUEST_I386 ? (uint32_t)address : address);
}

/* A number as a parameter of 4 bytes, but 8 for a helper. */
static void put_number(struct emitter *e, const struct step *step, int64_t value) {
    if (step->helper) {
        put64(e, (uint64_t)value);
    } else {
        put32(e, (uint32_t)value);
    }
}

/* A displacement or immediate as a parameter: as wide as the guest's addresses. */
static void put_wide(struct emitter *e, int64_t value) {
    if (e->low->mode == GUEST_I386) {
        put32(e, (uint32_t)value);
    } else {
        put64(e, (uint64_t)value);
    }
}

static void put_params(struct emitter *e, const struct step *step, const struct insn *insn,
                       unsigned base) {
    for (unsigned i = 0; i < ARRAY_LEN(step->param) && step->param[i] != P_NONE; i++) {
        switch (step->param[i]) {
        case P_DISP:
            put_wide(e, base == shape_of(e->low)->base_ea ? 0 : insn->disp);
            break;
        case P_IMM:
            if (step->helper) {
                put64(e, (uint64_t)insn->imm);
            } else {
                put_wide(e, insn->imm);
            }
            break;
        case P_IMM2:
            put_number(e, step, insn->imm2);
            break;
        case P_PC:
            put_address(e, insn->pc);
            break;
        case P_NEXT:
            put_address(e, next_pc(insn));
            break;
        case P_RAW:
            put_number(e, step, (int64_t)insn_raw(insn));
            break;
        case P_TARGET:
            put_link(e, (gaddr_t)insn->imm);
            break;
        case P_FALL:
            put_link(e, next_pc(insn));
            break;
        case P_HELPER:
            put64(e, (uint64_t)(uintptr_t)step->helper);
            break;
        default:
            assert(!"unknown parameter kind");
        }
    }
}

/* Where registers at home are that a gadget finds by parameters: offsets in struct cpu. */
struct homes {
    unsigned count;
    uint32_t at[ARRAY_LEN(((struct step *)0)->index)];
};

static void put_homes(struct emitter *e, const struct homes *homes) {
    for (unsigned i = 0; i < homes->count; i++) {
        put32(e, homes->at[i]);
    }
}

/* The number that an index takes from the instruction, for what is no memory operand. */
static unsigned index_number(struct lowered *low, const struct index_spec *spec,
                             const struct insn *insn) {
    unsigned value = 0;
    switch (spec->kind) {
    case IX_REG:
        value = insn->reg;
        break;
    case IX_RM:
        value = insn->rm;
        break;
    case IX_OPREG:
        value = (insn->opcode & 7u) | (insn->rex & 1u) << 3;
        break;
    case IX_COND:
        value = insn->opcode & 15;
        break;
    case IX_IMM:
        value = (unsigned)insn->imm;
        break;
    case IX_COPY:
        /* Neighbours get different ones; the same instruction always gets the same. */
        value = low->copies++ + (unsigned)(low->pc >> 4);
        break;
    case IX_IMM_SAT:
        value = (unsigned)insn->imm;
        value = value < spec->radix ? value : spec->radix - 1u;
        break;
    case IX_VVVV:
        value = insn->vvvv;
        break;
    case IX_IS4:
        value = (unsigned)insn->imm >> 4 & 15;
        break;
    }
    return value;
}

/* The entry of register `number` in an index of its class; one at home is noted. */
static unsigned register_entry(const struct guest_shape *shape, enum index_class class,
                               unsigned number, bool rex, struct homes *homes) {
    number %= shape->registers;
    if (number >= shape->resident) {
        homes->at[homes->count++] = class == IX_VECTOR
                                        ? (uint32_t)offsetof(struct cpu, ymm[number])
                                        : (uint32_t)offsetof(struct cpu, regs[number]);
        return shape->resident;
    }
    /* AH, CH, DH and BH come last where SPL to DIL have their numbers. */
    bool high = class == IX_BYTE && shape->registers > shape->resident && !rex && number >= 4;
    return high ? shape->resident + 1u + number - 4 : number;
}

/* The entry of a table, and which registers at home its gadget is to be told. */
static unsigned table_index(struct lowered *low, const struct step *step, const struct insn *insn,
                            unsigned base, struct homes *homes) {
    const struct guest_shape *shape = shape_of(low);
    unsigned index = 0;
    homes->count = 0;
    for (unsigned i = 0; i < ARRAY_LEN(step->index) && step->index[i].kind != IX_NONE; i++) {
        const struct index_spec *spec = &step->index[i];
        unsigned value;
        if (spec->kind == IX_BASE) {
            value = base;
            if (base >= shape->resident && base < shape->base_none) {
                value = register_entry(shape, IX_GENERAL, (unsigned)insn->base, true, homes);
            }
        } else {
            value = index_number(low, spec, insn);
            if (spec->class != IX_OTHER) {
                value = register_entry(shape, spec->class, value, insn->rex != 0, homes);
            }
        }
        index = index * spec->radix + value % spec->radix;
    }
    return index;
}

static bool has_segment_base(const struct insn *insn) {
    /* The flat segments' bases are 0 under Linux (cpu_load_segment refuses others). */
    return insn->seg == SEG_FS || insn->seg == SEG_GS;
}

static void emit_disp(struct lowered *low, const void *gadget, uint32_t id, int64_t disp) {
    struct emitter e = {.low = low};
    begin(&e, gadget, id);
    put_wide(&e, disp);
    finish(&e);
}

static void emit_bare(struct lowered *low, const void *gadget) {
    struct emitter e = {.low = low};
    begin(&e, gadget, 0);
    finish(&e);
}

/* Addresses of 32 bits in a guest whose own are longer. */
static bool is_short(const struct lowered *low, const struct insn *insn) {
    return low->mode == GUEST_X86_64 && insn->addrsize == 4;
}

/* Put the address of a memory operand into the EA register. */
static void emit_ea(struct lowered *low, const struct insn *insn, enum mem_mode mem) {
    const struct ea_tables *tables = &ea_tables[low->mode];
    bool with_segment = mem != MEM_LEA;
    int64_t disp = insn->disp;
    if (mem == MEM_POP && insn->addrsize != 2 && insn->base == REG_SP) {
        disp += insn->opsize;
    }
    if (insn->addrsize == 2) {
        emit_disp(low, gadget_at(tables->addr16, (unsigned)insn->base), 0, disp);
    } else {
        unsigned registers = shape_of(low)->registers;
        unsigned base = insn->base < 0 ? registers : (unsigned)insn->base;
        unsigned index = insn->index < 0 ? 4 : (unsigned)insn->index;
        unsigned scale = insn->index < 0 ? 0 : insn->scale;
        unsigned entry = (base * registers + index) * 4 + scale;
        emit_disp(low, gadget_at(tables->index, entry), tables->index_id + entry, disp);
        if (is_short(low, insn)) {
            emit_bare(low, gadget_at(tables->trunc32, 0));
        }
    }
    if (with_segment && has_segment_base(insn)) {
        emit_bare(low, gadget_at(tables->add_seg, insn->seg));
    }
}

static void emit_plain64(struct lowered *low, const void *gadget, uint64_t param) {
    struct emitter e = {.low = low};
    begin(&e, gadget, 0);
    put64(&e, param);
    finish(&e);
}

/* --profile: give the count gadget at the front its counter. */
static void start_counting(struct lowered *low) {
    const void *gadgets[ARRAY_LEN(low->gadget)];
    for (unsigned i = 1; i < low->gadgets; i++) {
        gadgets[i - 1] = (const void *)(uintptr_t)low->slot[low->gadget[i]];
    }
    uint64_t *counter = profile_record(gadgets, low->gadgets - 1);
    static uint64_t nowhere;
    low->slot[1] = (uint64_t)(uintptr_t)(counter ? counter : &nowhere);
}

/* One check gadget: its size is CHECK_SLOTS. `where` is the guest address of the bytes. */
static void begin_check(struct emitter *e, const struct block *block, const void *gadget,
                        gaddr_t where) {
    begin(e, gadget, 0);
    put64(e, (uint64_t)(uintptr_t)block->check);
    put64(e, block->pc);
    put64(e, where + block->shift);
}

static void put_bytes(struct emitter *e, const struct block *block, gaddr_t where) {
    memcpy((char *)e->gadget + e->at, block->bytes + (where - block->pc), CHECK_BYTES);
    e->at += CHECK_BYTES;
}

/* In front of checked code: compares its bytes, 16 in the gadget that counts runs too, then 32 at a
 * time. No byte outside of the block's pages is read: a last piece reaches back instead. */
static void emit_checks(struct lowered *low, const struct block *block) {
    struct emitter e = {.low = low};
    gaddr_t len = block->end - block->pc, where = block->pc;
    unsigned before = 0, used = len < CHECK_BYTES ? (unsigned)len : CHECK_BYTES;
    if (PAGE_BASE(where + CHECK_BYTES - 1) > PAGE_BASE(block->end - 1)) {
        before = CHECK_BYTES - used; /* such a block is shorter than the piece */
    }
    begin_check(&e, block, core_gadgets[low->mode].check, where - before);
    put64(&e, CHECK_RUNS);
    uint8_t *bytes = (uint8_t *)e.gadget + e.at, *any = bytes + CHECK_BYTES;
    memset(any, 0xff, CHECK_BYTES);
    memset(any + before, 0, used);
    memcpy(bytes + before, block->bytes, used);
    e.at += 2 * CHECK_BYTES;
    finish(&e);
    for (where += used; where < block->end; where += (gaddr_t)2 * CHECK_BYTES) {
        gaddr_t last = block->end - CHECK_BYTES;
        gaddr_t second = where + CHECK_BYTES < last ? where + CHECK_BYTES : last;
        where = where < last ? where : last;
        begin_check(&e, block, core_gadgets[low->mode].check_more, where);
        put64(&e, second + block->shift);
        put_bytes(&e, block, where);
        put_bytes(&e, block, second);
        finish(&e);
    }
}

static void emit_trap(struct lowered *low, const struct insn *insn, uint32_t vector) {
    struct emitter e = {.low = low};
    begin(&e, core_gadgets[low->mode].trap, 0);
    put_wide(&e, vector);
    put_address(&e, insn->pc);
    finish(&e);
}

static bool has_base_index(const struct step *step) {
    for (unsigned i = 0; i < ARRAY_LEN(step->index); i++) {
        if (step->index[i].kind == IX_BASE) {
            return true;
        }
    }
    return false;
}

/* The IX_BASE entry of the instruction's memory operand: base_ea when it needs a prelude. An
 * address that is known here needs none where it is one of the window's: what is accessed there
 * ends within window and guard. */
static unsigned operand_base(const struct lowered *low, const struct insn *insn,
                             const struct variant *variant) {
    const struct guest_shape *shape = shape_of(low);
    if (!insn->is_mem || variant->mem == MEM_NONE) {
        return 0;
    }
    bool by_base = variant->mem == MEM_BASE && !has_segment_base(insn);
    if (variant->mem == MEM_LEA) {
        by_base = has_base_index(variant->step);
    }
    if (!by_base || insn->addrsize == 2 || insn->index >= 0 || is_short(low, insn)) {
        return shape->base_ea;
    }
    if (insn->base >= 0) {
        unsigned base = (unsigned)insn->base;
        return base < shape->resident ? base : shape->resident;
    }
    bool there =
        low->mode == GUEST_I386 || variant->mem == MEM_LEA || (uint64_t)insn->disp < low->top;
    return there ? shape->base_none : shape->base_ea;
}

/* All of an instruction in C. */
static void emit_wide_helper(struct lowered *low, const struct insn *insn) {
    struct emitter e = {.low = low};
    begin(&e, gadget_at(ea_tables[low->mode].wide, WIDE_CALL), 0);
    put64(&e, (uint64_t)(uintptr_t)ea_tables[low->mode].wide_helper);
    put_address(&e, insn->pc);
    finish(&e);
}

/* False when a gadget of the sequence was not generated: nothing but preludes was emitted. `wide`:
 * its operand may be beyond the window. */
static bool emit_insn(struct lowered *low, const struct insn *insn, bool flags_dead, bool wide) {
    const struct variant *variant = &variants[insn->variant];
    const enum wide_way way = wide ? wide_way(low->mode, insn) : WIDE_NOT;
    if (!variant->steps) {
        return false;
    }
    if (insn->vex) {
        host_use_upper();
    }
    if (way == WIDE_HELPER) {
        emit_wide_helper(low, insn);
        return true;
    }
    unsigned ea = shape_of(low)->base_ea;
    unsigned base = way == WIDE_OPERAND ? ea : operand_base(low, insn, variant);
    if (base == ea) {
        emit_ea(low, insn, variant->mem);
    }
    if (way == WIDE_OPERAND) {
        emit_bare(low, gadget_at(ea_tables[low->mode].wide, WIDE_IN));
    }
    for (unsigned i = 0; i < variant->steps; i++) {
        const struct step *step = &variant->step[i];
        bool dead = flags_dead && step->table_dead;
        struct homes homes;
        unsigned index = table_index(low, step, insn, base, &homes);
        const void *gadget = gadget_at(dead ? step->table_dead : step->table, index);
        if (!gadget) {
            return false;
        }
        struct emitter e = {.low = low};
        begin(&e, gadget, (dead ? step->id_dead : step->id) + index);
        put_params(&e, step, insn, base);
        put_homes(&e, &homes);
        finish(&e);
    }
    if (way == WIDE_OPERAND) {
        emit_bare(low, gadget_at(ea_tables[low->mode].wide, WIDE_OUT));
    }
    return true;
}

static bool is_jcc(const struct insn *insn) {
    const struct variant *variant = &variants[insn->variant];
    return variant->steps == 1 && variant->step->index[0].kind == IX_COND &&
           variant->step->param[0] == P_TARGET;
}

/* Try to emit `insn` and the conditional branch after it as one gadget. */
static bool emit_fused(struct lowered *low, const struct insn *insn, const struct insn *jcc) {
    const struct variant *variant = &variants[insn->variant];
    if (!variant->fuse_jcc || !is_jcc(jcc) || (insn->seg == SEG_CS && variant->writes)) {
        return false;
    }
    unsigned base = operand_base(low, insn, variant);
    struct homes homes;
    unsigned index = table_index(low, variant->step, insn, base, &homes) * 16 + (jcc->opcode & 15);
    const void *gadget = gadget_at(variant->fuse_jcc, index);
    if (!gadget) {
        return false;
    }
    if (base == shape_of(low)->base_ea) {
        emit_ea(low, insn, variant->mem);
    }
    struct emitter e = {.low = low};
    begin(&e, gadget, variant->fuse_id + index);
    put_params(&e, variant->step, insn, base);
    put_link(&e, (gaddr_t)jcc->imm);
    put_link(&e, next_pc(jcc));
    put_homes(&e, &homes);
    finish(&e);
    return true;
}

static void add_mark(struct lowered *low, const struct block *block, const struct insn *insn) {
    low->mark[low->marks].slot = (uint16_t)low->slots;
    low->mark[low->marks].part = 0;
    low->mark[low->marks].delta = (uint16_t)(insn->pc - block->pc);
    low->marks++;
}

/* dead[i]: no status flag is read after instruction i before it is written again. What follows the
 * block may read any. */
static void find_dead_flags(const struct block *block, bool *dead) {
    unsigned live = FLAGS_STATUS;
    for (unsigned i = block->count; i-- > 0;) {
        const struct variant *variant = &variants[block->insn[i].variant];
        dead[i] = live == 0;
        live = (live & ~variant->flags_killed) | variant->flags_read;
        live &= FLAGS_STATUS;
    }
}

void lower_block(struct lowered *low, const struct block *block, bool step) {
    bool dead[FIBER_MAX_INSNS];
    const struct insn *last = &block->insn[block->count - 1];
    bool open = true; /* control falls off the end */

    low->mode = block->mode;
    low->top = block->top;
    low->slots = low->marks = low->exits = 0;
    low->gadgets = low->copies = 0;
    low->pc = block->pc;
    low->end = block->end;
    low->stack = block->mode == GUEST_X86_64 && !block->no_stack;
    find_dead_flags(block, dead);
    if (fg_debug.profile && !step) {
        emit_plain64(low, core_gadgets[low->mode].count, 0);
    }
    if (block->checked) {
        emit_checks(low, block);
    }
    for (unsigned i = 0; i < block->count; i++) {
        const struct insn *insn = &block->insn[i];
        if (low->marks == 0) {
            low->mark[0] = (struct mark){0};
            low->marks = 1;
        } else {
            add_mark(low, block, insn);
        }
        if (insn == last && block->last != DECODE_OK) {
            emit_trap(low, insn, block->last == DECODE_TOO_LONG ? TRAP_GP : TRAP_UD);
            open = false;
            break;
        }
        const bool wide = block->wide >> i & 1;
        if (i + 1 < block->count && !wide && !block->native && emit_fused(low, insn, insn + 1)) {
            open = false;
            break;
        }
        if (insn->seg == SEG_CS && insn->is_mem && variants[insn->variant].writes) {
            emit_trap(low, insn, TRAP_GP);
            open = false;
            break;
        }
        if (!emit_insn(low, insn, dead[i], wide)) {
            emit_trap(low, insn, TRAP_UD);
            open = false;
            break;
        }
        if (variants[insn->variant].end == BLOCK_ENDS) {
            open = false;
        }
    }
    if (open) {
        struct emitter e = {.low = low};
        const struct core_gadgets *core = &core_gadgets[low->mode];
        begin(&e, step ? core->exit_step : core->jump_next, 0);
        if (step) {
            put_address(&e, block->end);
        } else {
            put_link(&e, block->end);
        }
        finish(&e);
    }
    if (fg_debug.profile && !step) {
        start_counting(low);
    }
    if (!block->native) {
        ngram_merge(low);
    }
}
