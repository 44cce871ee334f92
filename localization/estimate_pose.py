"""An estimate as a pose on the map: its position, its spread across and along, and small moves of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from geometry.angles import Floats, wrap_rad
from geometry.pose import IDENTITY, Pose
from localization.estimator import GNSS_X, GNSS_Y, MOUNT, STATES, YAW, Estimate, X, Y, corrected

_POSE = (X, Y, YAW)


def pose_of(estimate: Estimate) -> Pose:
    """`world_from_ego`."""
    mean = estimate.mean
    return Pose(float(mean[X]), float(mean[Y]), wrap_rad(float(mean[YAW])))


def lateral_sigma_m(estimate: Estimate) -> float:
    """1-sigma across the vehicle."""
    return _sigma_along(estimate, -math.sin(estimate.mean[YAW]), math.cos(estimate.mean[YAW]))


def longitudinal_sigma_m(estimate: Estimate) -> float:
    """1-sigma along the vehicle."""
    return _sigma_along(estimate, math.cos(estimate.mean[YAW]), math.sin(estimate.mean[YAW]))


def heading_sigma_rad(estimate: Estimate) -> float:
    """1-sigma of the heading."""
    return math.sqrt(max(float(estimate.covariance[YAW, YAW]), 0.0))


def pose_covariance(estimate: Estimate) -> Floats:
    """Covariance (3, 3) of x, y, yaw."""
    return estimate.covariance[np.ix_(_POSE, _POSE)]


def pose_then(estimate: Estimate, now_from_then: Pose) -> Pose:
    """`world_from_ego` of a time from which on the ego has moved by the inverse of `now_from_then`."""
    return pose_of(estimate) @ now_from_then


def covariance_then(estimate: Estimate, now_from_then: Pose) -> Floats:
    """Covariance (3, 3) of x, y, yaw of the pose then."""
    by_now = _then_by_now(estimate, now_from_then)
    covariance: Floats = by_now @ pose_covariance(estimate) @ by_now.T
    return covariance


def pose_as_seen(estimate: Estimate, now_from_then: Pose) -> Pose:
    """`pose_then` as the camera has it that looks straight ahead: turned back by what its mount is off."""
    return pose_then(estimate, now_from_then) @ Pose(0.0, 0.0, -float(estimate.mean[MOUNT]))


def covariance_as_seen(estimate: Estimate, now_from_then: Pose) -> Floats:
    """Covariance (3, 3) of x, y, yaw of `pose_as_seen`."""
    rows = seen_jacobian(np.eye(3), estimate, now_from_then)
    covariance: Floats = rows @ estimate.covariance @ rows.T
    return covariance


def seen_jacobian(by_pose: Floats, estimate: Estimate, now_from_then: Pose) -> Floats:
    """Rows (R, 3) by x, y, yaw of `pose_as_seen` as rows (R, 15) by the whole state now."""
    rows = state_jacobian(by_pose, estimate, now_from_then)
    rows[:, MOUNT] = -by_pose[:, 2]
    return rows


def state_jacobian(by_pose: Floats, estimate: Estimate, now_from_then: Pose = IDENTITY) -> Floats:
    """Rows (R, 3) by x, y, yaw of the pose then as rows (R, 15) by the whole state now."""
    rows = np.zeros((len(by_pose), STATES))
    rows[:, _POSE] = by_pose @ _then_by_now(estimate, now_from_then)
    return rows


def _then_by_now(estimate: Estimate, now_from_then: Pose) -> Floats:
    """Derivative (3, 3) of the pose then by that of now: turning now swings where the car was."""
    cos, sin = math.cos(estimate.mean[YAW]), math.sin(estimate.mean[YAW])
    back_x = cos * now_from_then.x_m - sin * now_from_then.y_m
    back_y = sin * now_from_then.x_m + cos * now_from_then.y_m
    return np.array(((1.0, 0.0, -back_y), (0.0, 1.0, back_x), (0.0, 0.0, 1.0)))


def shifted(estimate: Estimate, dx_m: float, dy_m: float) -> Estimate:
    """The same estimate elsewhere: what the satellites said stays, so their bias moves the other way."""
    mean = estimate.mean.copy()
    mean[X] += dx_m
    mean[Y] += dy_m
    mean[GNSS_X] -= dx_m
    mean[GNSS_Y] -= dy_m
    return replace(estimate, mean=mean)


def widened(estimate: Estimate, sigma_m: float, sigma_rad: float) -> Estimate:
    """The same estimate, less sure of where it is."""
    covariance = estimate.covariance.copy()
    covariance[X, X] += sigma_m**2
    covariance[Y, Y] += sigma_m**2
    covariance[YAW, YAW] += sigma_rad**2
    return replace(estimate, covariance=covariance)


def widened_along(estimate: Estimate, sigma_m: float, satellites_m: float) -> Estimate:
    """The same estimate, less sure of where it is along its heading.

    What was learnt of the satellites' error along it is forgotten too, but for what is known of it in advance: it has
    the 1-sigma `satellites_m`.
    """
    yaw = float(estimate.mean[YAW])
    along = np.zeros(STATES)
    along[[X, Y]] = math.cos(yaw), math.sin(yaw)
    along[[GNSS_X, GNSS_Y]] = -along[[X, Y]]
    wider = replace(estimate, covariance=estimate.covariance + sigma_m**2 * np.outer(along, along))
    error = np.zeros((1, STATES))
    error[0, [GNSS_X, GNSS_Y]] = along[[X, Y]]
    return corrected(wider, -error @ estimate.mean, error, np.array(((satellites_m**2,),)))[0]


def _sigma_along(estimate: Estimate, ux: float, uy: float) -> float:
    p = estimate.covariance
    return math.sqrt(max(float(ux * ux * p[X, X] + 2.0 * ux * uy * p[X, Y] + uy * uy * p[Y, Y]), 0.0))
