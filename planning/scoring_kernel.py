"""One candidate rolled out against all futures, and what it costs: the planner's kernel of the inference server.

A scalar function per candidate (`math` only, output owned by the caller), so that it can run on any device; SI
throughout, places in the Frenet frame of the route. Inputs and outputs are rows of numbers; what their columns are is
named here, and `planning.scoring` fills them.
"""

from __future__ import annotations

import math

from numba import njit

from inference.kernels import kernel
from planning.candidates import (
    BRAKING,
    HEADWAY,
    HOLD_MPS2,
    HOLD_S,
    KEEP,
    LEAST_CHANCE,
    LEFT,
    LOOK_S,
    PASS,
    RIGHT,
    SHARE,
)
from planning.speed_profile import CEILING_STEP_M, CEILING_TIME_S

TERMS = (
    "contact", "time to collision", "gap", "braking", "road", "progress", "comfort", "harsh", "lane", "switch", "limit",
    "arrival",
)  # fmt: skip
CONTACT, TTC, GAP, BRAKE, ROAD, PROGRESS, COMFORT, HARSH, LANE, SWITCH, LIMIT, ARRIVAL = range(len(TERMS))
DISTANCE, SPEED, ACCELERATION, OFFSET = range(4)
"""Columns of a candidate's motion."""
(
    CALM_S, GAP_TIME_S, LEAST_GAP_M, LATE_S, ANSWER, IMMINENT, COMFORT_BRAKE, STRONG_BRAKE, GRIP, SIDE_MARGIN_M, JERK,
    HARD_JERK, EDGE_M, MIN_GAP_M, GAINING, EASING, EASY, CLEAR_M,
    W_CONTACT, W_TTC, W_GAP, W_BRAKE, W_ROAD, W_PROGRESS, W_ACCELERATION, W_JERK, W_SIDEWAYS, W_HARSH, W_STRONG,
    W_EMERGENCY, W_OFFSET, W_CHANGE, W_SWITCH_LANE, W_BACK, W_SWITCH_SPEED, W_ARRIVAL,
) = range(36)  # fmt: skip
"""Numbers of `ScoringSettings` and `Weights` as the kernel reads them, in the order of their fields."""
(
    EGO_S, EGO_V, EGO_A, FRONT_M, REAR_M, WIDTH_M, ALLOWED, BEFORE_LANE, BEFORE_A, FROM_S, TO_S, FROM_M, TO_M,
    LANE_LEFT, LANE_RIGHT,
) = range(15)  # fmt: skip
"""Numbers of `EgoOnPath`."""
END_D, END_X, C0, C1, C2, C3, C4, C5, ROOM_LEFT, ROOM_RIGHT, LANE_SIDE, BACK_X, BACK_LENGTH = range(13)
"""Columns of a way."""
REAR_SHARE = 0.1
"""What it costs to be run into from behind: not the ego's fault, but better avoided."""
GAINING_MPS = 2.0
LATER_SHARE = 0.25
"""What is gained by passing is gained after the horizon too: so much of it for the speed that is reached."""
BACKING_MPS = 3.0
"""Who comes backwards towards the ego, slower than this, is as one who stands: no braking keeps the gap to him."""
STANDS_MPS = 0.3
"""Who is slower stands, and is met where he is."""
SOON_S = (0.3, 0.6, 0.9, 1.2)
"""Instants at which it is looked whether going straight on would meet somebody."""
ASIDE_M = 5.0
"""Who is further beside the ego's way is not met by going straight on."""
BORNE_MPS2 = 0.5
"""Braking that much harder than comfortable is not harsh yet and may come at once; what is harder is harsh."""
TURNING_RADPS2 = 0.8
"""A turn of the wheel that begins more suddenly than this yaw acceleration is felt."""
PULL_MPS2 = 2.0
"""The same for speeding up, the pull of turning at the middle of the car included."""
AHEAD_REACH_M = 150.0
"""Who stays this far ahead is not looked at."""


@njit(cache=True, error_model="numpy", inline="always")
def offset_at(way, distance):  # type: ignore[no-untyped-def]
    """Offset, slope and second derivative of a way after a distance."""
    if distance >= way[BACK_X]:
        u = min((distance - way[BACK_X]) / way[BACK_LENGTH], 1.0)
        slope, bend = way[END_D] / way[BACK_LENGTH], way[END_D] / (way[BACK_LENGTH] * way[BACK_LENGTH])
        return (
            way[END_D] * (1.0 - u * u * u * (10.0 - 15.0 * u + 6.0 * u * u)),
            -slope * 30.0 * u * u * (1.0 - u) * (1.0 - u),
            -bend * 60.0 * u * (1.0 - u) * (1.0 - 2.0 * u),
        )
    if distance >= way[END_X]:
        return way[END_D], 0.0, 0.0
    x = max(distance, 0.0)
    c1, c2, c3, c4, c5 = way[C1], way[C2], way[C3], way[C4], way[C5]
    d = way[END_D] + way[C0] + x * (c1 + x * (c2 + x * (c3 + x * (c4 + x * c5))))
    slope = c1 + x * (2 * c2 + x * (3 * c3 + x * (4 * c4 + x * 5 * c5)))
    return d, slope, 2 * c2 + x * (6 * c3 + x * (12 * c4 + x * 20 * c5))


@njit(cache=True, error_model="numpy", inline="always")
def half_width(ego, slope):  # type: ignore[no-untyped-def]
    """Half of what the ego's box covers across the path when it is turned by a slope."""
    return 0.5 * ego[WIDTH_M] + 0.5 * (ego[FRONT_M] + ego[REAR_M]) * abs(slope)


@njit(cache=True, error_model="numpy", inline="always")
def middle_of(ego, d, slope):  # type: ignore[no-untyped-def]
    """Offset of the middle of the ego's box, which lies ahead of the rear axle."""
    return d + 0.5 * (ego[FRONT_M] - ego[REAR_M]) * slope


@njit(cache=True, error_model="numpy", inline="always")
def behind(v, gap, lead_v, headway, numbers):  # type: ignore[no-untyped-def]
    """Interaction part of the Intelligent Driver Model (Treiber, Hennecke, Helbing 2000, eq. 3-4)."""
    gaining, easing = numbers[GAINING], numbers[EASING]
    wanted = numbers[MIN_GAP_M] + max(v * headway + 0.5 * v * (v - lead_v) / math.sqrt(gaining * easing), 0.0)
    share = wanted / max(gap, 0.1)
    return gaining * (1.0 - share * share)


@njit(cache=True, error_model="numpy", inline="always")
def met_at(gap, v, other_v):  # type: ignore[no-untyped-def]
    """After how many metres the ego comes up with somebody ahead, where it does so at GAINING_MPS at least."""
    faster = max(v - other_v, GAINING_MPS)
    return gap * (1.0 + max(other_v, 0.0) / faster)


@njit(cache=True, error_model="numpy", inline="always")
def following(k, later, v, distance, d, later_d, half, way, ego, policy, boxes, chance, numbers):  # type: ignore[no-untyped-def]
    """Car-following acceleration behind the worst of those that the policy minds, and which future that is.

    On a way that comes back those are minded who are on it where the ego comes up with them, and on one to another lane
    those who stand as well.
    """
    s = ego[EGO_S] + distance
    wanted, found = math.inf, -1
    reach = half + numbers[SIDE_MARGIN_M]
    for f in range(len(chance)):
        rear = boxes[k, f, 0]
        if chance[f] < policy[LEAST_CHANCE] or 0.5 * (rear + boxes[k, f, 1]) < s:
            continue
        gap = rear - s - ego[FRONT_M]
        stands = way[LANE_SIDE] != KEEP and abs(boxes[k, f, 4]) < STANDS_MPS
        if math.isinf(way[BACK_X]) and not stands:
            at_d, at_reach, soon_d = d, reach, later_d
        else:
            met_d, slope, _ = offset_at(way, distance + met_at(max(gap, 0.0), v, boxes[k, f, 4]))
            at_d, at_reach = middle_of(ego, met_d, slope), half_width(ego, slope) + numbers[SIDE_MARGIN_M]
            soon_d = at_d
        inside = boxes[k, f, 2] < at_d + at_reach and boxes[k, f, 3] > at_d - at_reach
        inside = inside or (way[LANE_SIDE] == 0.0 and beside_lane(k, f, ego, boxes) < 0.0)
        if not inside and not (boxes[later, f, 2] < soon_d + at_reach and boxes[later, f, 3] > soon_d - at_reach):
            continue
        a = behind(v, gap, boxes[k, f, 4], policy[HEADWAY], numbers)
        if a < wanted:
            wanted, found = a, f
    return wanted, found


@njit(cache=True, error_model="numpy", inline="always")
def beside_lane(k, f, ego, boxes):  # type: ignore[no-untyped-def]
    """How far the middle of a future's box is beside the lane of an ego that has to stay in it [m]."""
    middle = 0.5 * (boxes[k, f, 2] + boxes[k, f, 3])
    return max(middle - ego[LANE_LEFT], -ego[LANE_RIGHT] - middle)


@njit(cache=True, error_model="numpy", inline="always")
def free_road(v, distance, share, ego, road, numbers):  # type: ignore[no-untyped-def]
    """Acceleration towards the policy's share of the allowed speed, no faster than limits and curves allow."""
    look = min(int((distance + CEILING_TIME_S * v) / CEILING_STEP_M), road.shape[1] - 1)
    ratio = v / max(share * ego[ALLOWED], 0.1)
    free = max(numbers[GAINING] * (1.0 - ratio * ratio * ratio * ratio), -numbers[EASING])
    return min(free, (share * road[0, look] - v) / CEILING_TIME_S)


@njit(cache=True, error_model="numpy", inline="always")
def limited_change(wanted, before, dt, numbers):  # type: ignore[no-untyped-def]
    """Acceleration after limited jerk; the hardest that is not harsh, and what is harder, may come at once."""
    at_once = -numbers[COMFORT_BRAKE] - BORNE_MPS2 + 0.05
    jerk = numbers[HARD_JERK] if wanted < at_once or before < at_once else numbers[JERK]
    return min(max(wanted, before - jerk * dt), before + jerk * dt)


@njit(cache=True, error_model="numpy", inline="always")
def contact_severity(closing):  # type: ignore[no-untyped-def]
    """Cost of a contact in (0, 1], rising with the closing speed [m/s]."""
    return 0.4 + 0.6 * min(abs(closing) / 12.0, 1.0)


@njit(cache=True, error_model="numpy", inline="always")
def counted(t, closing, chance, numbers):  # type: ignore[no-untyped-def]
    """How much of a contact at time t counts: all of a likely one, of an unlikely one what cannot be answered later."""
    left = t - numbers[LATE_S]
    if chance >= 0.5 or left <= 0.05:
        return 1.0
    return min(max((abs(closing) / left - numbers[ANSWER]) / (numbers[IMMINENT] - numbers[ANSWER]), 0.0), 1.0)


@njit(cache=True, error_model="numpy", inline="always")
def nearness(along, across, sigma_s, sigma_d):  # type: ignore[no-untyped-def]
    """1 where the boxes overlap (no distance along and across), falling off in standard deviations."""
    if along > 2.5 * sigma_s or across > 2.5 * sigma_d:
        return 0.0
    if along <= 0.0 and across <= 0.0:
        return 1.0
    x, y = along / sigma_s, across / sigma_d
    return 0.6 * math.exp(-0.5 * (x * x + y * y))


@njit(cache=True, error_model="numpy", inline="always")
def behind_somebody(gap, v, closing, share, last, numbers):  # type: ignore[no-untyped-def]
    """What driving behind somebody costs: time to collision, a short gap, and the braking that will be needed."""
    ttc, short, brake = 0.0, 0.0, 0.0
    needed = 1.0 + max(numbers[LEAST_GAP_M], v * min(1.0 + 0.036 * v, numbers[GAP_TIME_S]))
    if gap < needed:
        short = numbers[W_GAP] * (1.0 - gap / needed) * share
    if closing > 0.05:
        calm = numbers[CALM_S] * closing
        if gap < calm:
            ttc = numbers[W_TTC] * (1.0 - gap / calm) ** 2 * share
        hard = 0.5 * closing * closing / max(gap - numbers[CLEAR_M], 0.5) - numbers[EASY]
        if hard > 0.0:
            brake = numbers[W_BRAKE] * min(hard, 10.0) ** 2 * last
    return ttc, short, brake


@njit(cache=True, error_model="numpy", inline="always")
def look_around(  # type: ignore[no-untyped-def]
    k, t, v, s, d, slope, turn, half, dt, share, last, changes, aside, ego, road, boxes, chance, whose, sigma, numbers,
    worst, costs,
):  # fmt: skip
    """Raises the worst contact with each future; returns the cost of the soonest meeting straight on, and the `costs`
    of driving behind the others, (3), with those of this instant: of a vehicle of several boxes behind the worst."""
    soon, (ttc, short, brake) = 0.0, costs
    ttc_of, short_of, brake_of = 0.0, 0.0, 0.0
    low, high, centre = s - ego[REAR_M], s + ego[FRONT_M], middle_of(ego, d, slope)
    sigma_s, sigma_d = sigma[k, 0], sigma[k, 1]
    for f in range(len(chance)):
        if f == 0 or whose[f] != whose[f - 1]:
            ttc_of, short_of, brake_of = 0.0, 0.0, 0.0
        rear, front = boxes[k, f, 0], boxes[k, f, 1]
        across = max(boxes[k, f, 2] - centre - half, centre - half - boxes[k, f, 3])
        if across > ASIDE_M or front < low - 3.0 or rear > high + AHEAD_REACH_M:
            continue
        if across > 0.0 and k % 2 == 0 and chance[f] >= 0.2:
            tau = straight_on(k, f, v, s, d, slope, turn, ego, road, boxes, dt)
            soon = max(soon, 1.0 if tau < 1.0 else 0.3 if tau < SOON_S[-1] + 0.5 else 0.0)
        if across > 1.0:
            continue
        closing = v - boxes[k, f, 4]
        near = nearness(max(rear - high, low - front, 0.0), max(across, 0.0), sigma_s, sigma_d)
        if near > 0.0 and v > 0.05:
            cost = near * contact_severity(closing) * counted(t, closing, chance[f], numbers)
            if not changes and worst[f] <= 0.0 and 0.5 * (rear + front) < low:
                worst[f] = min(worst[f], -REAR_SHARE * cost)  # it runs into the ego's rear, and stays the one that did
            elif worst[f] >= 0.0:
                worst[f] = max(worst[f], cost)
        # Who is before the middle of the lane is followed, though a shift aside would just get past.
        in_lane = min(max(boxes[k, f, 2], -boxes[k, f, 3]) - half, beside_lane(k, f, ego, boxes))
        before = across if aside else min(across, in_lane)
        if rear > low and before < 0.0:
            backs = -BACKING_MPS < boxes[k, f, 4] < 0.0
            now = behind_somebody(max(rear - high, 0.0), v, v if backs else closing, share, last, numbers)
            ttc += chance[f] * max(now[0] - ttc_of, 0.0)
            short += chance[f] * max(now[1] - short_of, 0.0)
            brake += chance[f] * max(now[2] - brake_of, 0.0)
            ttc_of, short_of, brake_of = max(ttc_of, now[0]), max(short_of, now[1]), max(brake_of, now[2])
    return soon, (ttc, short, brake)


@njit(cache=True, error_model="numpy", inline="always")
def straight_on(k, f, v, s, d, slope, bend, ego, road, boxes, dt):  # type: ignore[no-untyped-def]
    """After what time [s] the ego and somebody beside its way would meet if both went straight on from here, as the
    nuPlan devkit's time to collision has it; SOON_S[-1] + 1 where they do not."""
    rear, front, low, high, pace = boxes[k, f, 0], boxes[k, f, 1], boxes[k, f, 2], boxes[k, f, 3], boxes[k, f, 4]
    reach = (v + max(-pace, 0.0)) * SOON_S[-1]
    if front < s or rear > s + ego[FRONT_M] + reach:
        return SOON_S[-1] + 1.0
    after = min(k + 1, boxes.shape[0] - 1)
    aside = 0.5 * (boxes[after, f, 2] + boxes[after, f, 3] - low - high) / dt
    cell = min(max(int((rear - ego[EGO_S]) / CEILING_STEP_M), 0), road.shape[1] - 1)
    for tau in SOON_S:
        x, other_x = v * tau, pace * tau
        if rear + other_x > s + ego[FRONT_M] + x or front + other_x < s - ego[REAR_M] + x:
            continue
        middle = x + 0.5 * (ego[FRONT_M] - ego[REAR_M])
        mine = d + slope * middle - 0.5 * bend * middle * middle
        theirs = aside * tau - 0.5 * road[2, cell] * other_x * other_x
        half = half_width(ego, slope - bend * middle) + 0.1
        if low + theirs < mine + half and high + theirs > mine - half:
            return tau
    return SOON_S[-1] + 1.0


@njit(cache=True, error_model="numpy", inline="always")
def instant(t):  # type: ignore[no-untyped-def]
    """Index of the last of `TIMES_S` that is not after t."""
    return int(10.0 * t + 1e-6) if t <= 3.0 else min(30 + int(5.0 * (t - 3.0) + 1e-6), 45)


@njit(cache=True, error_model="numpy", inline="always")
def asked(k, t, v, distance, d, half, way, policy, ego, road, boxes, chance, numbers):  # type: ignore[no-untyped-def]
    """Acceleration that the policy asks for, and the future that it follows (-1: none, or not looked at)."""
    holds, held = t < policy[HOLD_S] - 1e-9, policy[HOLD_MPS2]
    if holds and held <= 0.0 and k > 0:
        return held, -1
    later = instant(t + policy[LOOK_S])
    later_d = offset_at(way, distance + v * policy[LOOK_S])[0] if later > k else d
    follow, lead = following(k, later, v, distance, d, later_d, half, way, ego, policy, boxes, chance, numbers)
    free = min(free_road(v, distance, policy[SHARE], ego, road, numbers), follow)
    if not holds:
        return max(free, -policy[BRAKING]), lead
    return held if held <= 0.0 else min(held, free), lead


@njit(cache=True, error_model="numpy")
def score_candidate(way, policy, ego, road, boxes, chance, whose, sigma, times, numbers, terms, motion, worst):  # type: ignore[no-untyped-def]
    """Fill the terms and the motion of one candidate; returns the future that limits its speed now (-1: none)."""
    v, a, distance, first_lead = ego[EGO_V], ego[EGO_A], 0.0, -1
    d, slope, bend = offset_at(way, 0.0)
    half = half_width(ego, slope)
    count, changes = len(times), way[LANE_SIDE] != 0.0
    hardest, grip, edge, lost, squares, aside, off, over = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    soon, pull, arrival, costs = 0.0, 0.0, 0.0, (0.0, 0.0, 0.0)
    for f in range(len(chance)):
        worst[f] = 0.0
    for k in range(count):
        centre = middle_of(ego, d, slope)
        wanted, lead = asked(k, times[k], v, distance, centre, half, way, policy, ego, road, boxes, chance, numbers)
        first_lead = lead if k == 0 else first_lead
        dt = times[k + 1] - times[k] if k < count - 1 else times[k] - times[k - 1]
        before = a
        a = max(limited_change(wanted, a, dt, numbers), -v / dt)
        motion[k, 0], motion[k, 1], motion[k, 2], motion[k, 3] = distance, v, a, d
        if k == count - 1:
            if way[LANE_SIDE] == PASS:
                lost = max(lost - LATER_SHARE * min(v / max(ego[ALLOWED], 0.5), 1.0), 0.0)
            break
        share, cell = dt / times[count - 1], min(int(distance / CEILING_STEP_M), road.shape[1] - 1)
        sideways = v * v * abs(road[2, cell] + bend)
        hardest, grip = max(hardest, -a), max(grip, sideways)
        rate = v * (road[2, cell] + bend)
        pull = max(pull, a + 0.5 * (ego[FRONT_M] - ego[REAR_M]) * rate * rate)
        edge = max(edge, half + numbers[EDGE_M] - min(way[ROOM_LEFT] - centre, centre + way[ROOM_RIGHT]))
        lost += share * (1.0 - min(v / max(min(road[0, cell], ego[ALLOWED]), 0.5), 1.0))
        jerk = (a - before) / dt if v > 0.3 else 0.0
        squares += share * (numbers[W_ACCELERATION] * a * a + numbers[W_JERK] * jerk * jerk)
        aside += share * max(sideways - 1.0, 0.0) ** 2
        off += share * abs(d)
        over += share * max(v - road[1, cell] - 0.3, 0.0)
        distance += v * dt + 0.5 * a * dt * dt
        v = max(v + a * dt, 0.0)
        arrival += numbers[W_ARRIVAL] * missed(times[k], times[k + 1], ego[EGO_S] + distance, ego)
        d, slope, bend = offset_at(way, distance)
        half = half_width(ego, slope)
        last = 1.0 if k == count - 2 else share
        cell = min(int(distance / CEILING_STEP_M), road.shape[1] - 1)
        met, costs = look_around(
            k + 1, times[k + 1], v, ego[EGO_S] + distance, d, slope, road[2, cell] + bend, half, dt, share, last,
            changes, changes or way[LANE_SIDE] == PASS, ego, road, boxes, chance, whose, sigma, numbers, worst, costs,
        )  # fmt: skip
        soon = max(soon, met)
    counted_of = 0.0
    for f in range(len(chance)):
        counted_of = 0.0 if f == 0 or whose[f] != whose[f - 1] else counted_of
        terms[CONTACT] += numbers[W_CONTACT] * chance[f] * max(abs(worst[f]) - counted_of, 0.0)
        counted_of = max(counted_of, abs(worst[f]))
    terms[ROAD] = numbers[W_ROAD] * min(2.0 * max(edge, 0.0), 1.0)
    terms[PROGRESS] = numbers[W_PROGRESS] * lost
    terms[TTC], terms[GAP], terms[BRAKE] = costs[0] + numbers[W_TTC] * soon, costs[1], costs[2]
    terms[ARRIVAL] = arrival
    start = 6.0 * abs(way[C3]) * ego[EGO_V] * ego[EGO_V]
    terms[COMFORT] = squares + numbers[W_SIDEWAYS] * (aside + 4.0 * min(max(start - TURNING_RADPS2, 0.0), 1.0))
    terms[HARSH] = harshness(hardest, grip, numbers) + numbers[W_STRONG] * max(pull - PULL_MPS2, 0.0)
    if way[LANE_SIDE] == PASS:
        terms[LANE] = numbers[W_OFFSET] * off
    else:
        terms[LANE] = numbers[W_CHANGE] if changes else numbers[W_OFFSET] * (off + abs(way[END_D]))
    terms[SWITCH] = switching(motion[0, 2], way[LANE_SIDE], ego, numbers)
    terms[LIMIT] = 0.1 * numbers[W_CONTACT] * over
    return first_lead


@njit(cache=True, error_model="numpy", inline="always")
def of_7(a):  # type: ignore[no-untyped-def]
    """A row of 7 numbers as a tuple."""
    return a[0], a[1], a[2], a[3], a[4], a[5], a[6]


@njit(cache=True, error_model="numpy", inline="always")
def of_13(a):  # type: ignore[no-untyped-def]
    """A row of 13 numbers as a tuple."""
    return a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12]


@njit(cache=True, error_model="numpy", inline="always")
def of_15(a):  # type: ignore[no-untyped-def]
    """A row of 15 numbers as a tuple."""
    return a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14]


@njit(cache=True, error_model="numpy", inline="always")
def of_36(a):  # type: ignore[no-untyped-def]
    """A row of 36 numbers as a tuple."""
    return (
        a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14], a[15], a[16],
        a[17], a[18], a[19], a[20], a[21], a[22], a[23], a[24], a[25], a[26], a[27], a[28], a[29], a[30], a[31],
        a[32], a[33], a[34], a[35]
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def candidate_body(  # type: ignore[no-untyped-def]
    item, way, policies, ego, road, boxes, chance, whose, sigma, times, numbers, terms, motion, lead, worst
):
    """One candidate: the way with policy `item`. Rows are held in registers: what is written may alias arrays."""
    lead[item] = score_candidate(
        of_13(way), of_7(policies[item]), of_15(ego), road, boxes, chance, whose, sigma, times, of_36(numbers),
        terms[item], motion[item], worst[item],
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def missed(before_s, now_s, s, ego):  # type: ignore[no-untyped-def]
    """By how much [m] the ego is already past its place when the time for it begins, or not there when it ends.

    What is missed by more than 5 m is missed; further metres count a fifth, so that nearer stays better.
    """
    late = max(ego[FROM_M] - s, 0.0) if before_s < ego[TO_S] <= now_s else 0.0
    early = max(s - ego[TO_M], 0.0) if before_s < ego[FROM_S] <= now_s else 0.0
    return min(late + early, 5.0) + 0.2 * max(late + early - 5.0, 0.0)


@njit(cache=True, error_model="numpy")
def harshness(hardest, grip, numbers):  # type: ignore[no-untyped-def]
    """Cost of braking beyond comfort, and of what only an emergency justifies."""
    beyond = max(hardest - numbers[COMFORT_BRAKE] - BORNE_MPS2, 0.0)
    cost = numbers[W_STRONG] * beyond + (numbers[W_HARSH] if beyond > 0.05 else 0.0)
    if hardest > numbers[STRONG_BRAKE] + 1e-6 or grip > 2.0 * numbers[GRIP]:
        cost += numbers[W_EMERGENCY]
    return cost


@njit(cache=True, error_model="numpy")
def switching(a, lane, ego, numbers):  # type: ignore[no-untyped-def]
    """Cost of leaving the plan before: its acceleration, its lane. Coming back from a lane beside the route's costs
    less than being there: what it was changed to for may be over."""
    cost = numbers[W_SWITCH_SPEED] * min(abs(a - ego[BEFORE_A]), 3.0)
    if lane == ego[BEFORE_LANE]:
        return cost
    comes_back = lane == KEEP and (ego[BEFORE_LANE] == LEFT or ego[BEFORE_LANE] == RIGHT)
    return cost + (numbers[W_BACK] if comes_back else numbers[W_SWITCH_LANE])


CANDIDATE_SCORING = kernel(
    "candidate-scoring", "4", candidate_body,
    inputs={
        "way": "float64 (13)", "policies": "float64 (items, 7)",
        "ego": "float64 (15)", "road": "float64 (3, cells)",
        "boxes": "float64 (instants, futures, 6)", "chance": "float64 (futures)", "whose": "int64 (futures)",
        "sigma": "float64 (instants, 2)",
        "times": "float64 (instants)", "numbers": "float64 (settings)",
    },
    outputs={
        "terms": f"float64 (items, {len(TERMS)})", "motion": "float64 (items, instants, 4)", "lead": "int64 (items)",
    },
    scratch={"worst": "float64 (items, futures)"},
)  # fmt: skip
"""All policies along one way: the planner's kernel of the inference server."""
