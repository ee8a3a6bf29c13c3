"""PyBullet's environments: their registration, and a faster step for the walkers that gives the same bits.

The package asks the physics for every joint and link one by one, through a slow proxy. That takes four fifths of a step. Here
one call asks for all joints and one for all links. The arithmetic repeats the package's own, operation by operation
(`pybullet_envs_gymnasium`, class WalkerBase).
"""

import importlib
from types import MethodType

from common.envs.silence import no_output, no_warnings
from common.errors import UserError

import numpy as np

WALKERS = [f'{name}BulletEnv-v0' for name in ('HalfCheetah', 'Ant', 'Hopper', 'Walker2D', 'Humanoid')]


def is_bullet(env_id):
    """Whether an environment belongs to PyBullet, judged by its name."""
    return 'Bullet' in env_id


def register(env_id):
    """Registers PyBullet's environments if `env_id` is one of them; UserError if PyBullet is not installed."""
    if not is_bullet(env_id):
        return
    try:
        with no_warnings(), no_output():
            importlib.import_module('pybullet')
            importlib.import_module('pybullet_envs_gymnasium')
    except ImportError as error:
        raise UserError(f'{env_id} needs PyBullet: make pybullet installs it') from error


def quicken(env):
    """Gives one of PyBullet's walkers the faster step. Other environments stay as they are. Returns the environment."""
    if not str(env.spec.entry_point).startswith('pybullet_envs_gymnasium'):
        return env
    from pybullet_envs_gymnasium.gym_locomotion_envs import WalkerBaseBulletEnv
    from pybullet_envs_gymnasium.robot_locomotors import WalkerBase

    walker = env.unwrapped
    if not isinstance(walker, WalkerBaseBulletEnv) or type(walker).step is not WalkerBaseBulletEnv.step:
        return env
    robot = walker.robot
    if type(robot).calc_state is WalkerBase.calc_state and type(robot).apply_action is WalkerBase.apply_action:
        robot.calc_state = MethodType(_calc_state, robot)
        robot.apply_action = MethodType(_apply_action, robot)
        walker.step = MethodType(_step, walker)
    return env


def _places(robot):
    """The numbers of bodies, joints and links in the physics. Computed again after a reset, when the floor becomes a part."""
    places = vars(robot).get('places')
    if places is None or places['count'] != len(robot.parts):
        joints = robot.ordered_joints
        links = {}  # of each body, the rows of its links among all parts
        for row, part in enumerate(robot.parts.values()):
            links.setdefault(part.bodies[part.bodyIndex], []).append((row, part.bodyPartIndex))
        body = robot.robot_body
        places = robot.places = {
            'count': len(robot.parts),
            'client': robot._p._client,
            'body': joints[0].bodies[joints[0].bodyIndex],
            'joints': [joint.jointIndex for joint in joints],
            'low': np.array([joint.lowerLimit for joint in joints]),
            'range': np.array([joint.upperLimit - joint.lowerLimit for joint in joints]),
            'links': links,
            'torso': (body.bodies[body.bodyIndex], body.bodyPartIndex),
        }
    return places


def _apply_action(robot, action):
    import pybullet

    if not np.isfinite(action).all():
        raise ValueError('an action is not finite')
    places = _places(robot)
    clipped = np.minimum(np.maximum(action, -1), 1).tolist()
    forces = [robot.power * joint.power_coef * one for joint, one in zip(robot.ordered_joints, clipped, strict=True)]
    pybullet.setJointMotorControlArray(
        places['body'], places['joints'], pybullet.TORQUE_CONTROL, forces=forces, physicsClientId=places['client']
    )


def _calc_state(robot):
    import pybullet

    places = _places(robot)
    client = places['client']
    states = pybullet.getJointStates(places['body'], places['joints'], physicsClientId=client)
    joints = np.empty(2 * len(states), np.float32)
    joints[0::2] = 2 * (np.array([state[0] for state in states]) - places['low']) / places['range'] - 1.0
    joints[1::2] = 0.1 * np.array([state[1] for state in states])
    robot.joint_speeds = joints[1::2]
    robot.joints_at_limit = np.count_nonzero(np.abs(joints[0::2]) > 0.99)

    positions = np.empty((places['count'], 3))
    torso_body, torso_link = places['torso']
    for body, rows in places['links'].items():
        indices = [link for _, link in rows if link != -1]
        of_links = iter(pybullet.getLinkStates(body, indices, physicsClientId=client) if indices else ())
        for row, link in rows:
            pose = pybullet.getBasePositionAndOrientation(body, physicsClientId=client) if link == -1 else next(of_links)
            positions[row] = pose[0]
            if body == torso_body and link == torso_link:
                torso_xyz, quaternion = pose[0], pose[1]
    if torso_link == -1:
        speed, _ = pybullet.getBaseVelocity(torso_body, physicsClientId=client)
    else:
        speed = pybullet.getLinkState(torso_body, torso_link, computeLinkVelocity=1, physicsClientId=client)[6]
    parts = positions.reshape(-1)
    robot.body_xyz = parts[0::3].mean(), parts[1::3].mean(), torso_xyz[2]
    robot.body_real_xyz = np.array(torso_xyz)
    robot.body_rpy = roll, pitch, yaw = pybullet.getEulerFromQuaternion(quaternion)
    z = robot.body_xyz[2]
    if robot.initial_z is None:
        robot.initial_z = z
    ahead = [robot.walk_target_y - robot.body_xyz[1], robot.walk_target_x - robot.body_xyz[0]]
    robot.walk_target_theta = np.arctan2(*ahead)
    robot.walk_target_dist = np.linalg.norm(ahead)
    angle = robot.walk_target_theta - yaw
    turn = np.array([[np.cos(-yaw), -np.sin(-yaw), 0], [np.sin(-yaw), np.cos(-yaw), 0], [0, 0, 1]])
    vx, vy, vz = np.dot(turn, np.array(speed))
    more = [z - robot.initial_z, np.sin(angle), np.cos(angle), 0.3 * vx, 0.3 * vy, 0.3 * vz, roll, pitch]
    state = np.concatenate([np.array(more, np.float32), joints, robot.feet_contact])
    return np.minimum(np.maximum(state, -5), 5)


def _step(walker, action):
    import pybullet

    robot = walker.robot
    robot.apply_action(action)
    walker.scene.global_step()
    state = robot.calc_state()
    walker._alive = float(robot.alive_bonus(state[0] + robot.initial_z, robot.body_rpy[1]))
    done = walker._isDone() or not np.isfinite(state).all()
    before, walker.potential = walker.potential, robot.calc_potential()
    progress = float(walker.potential - before)
    for i, foot in enumerate(robot.feet):
        body, link = foot.bodies[foot.bodyIndex], foot.bodyPartIndex
        contacts = pybullet.getContactPoints(body, -1, link, -1, physicsClientId=robot.places['client'])
        robot.feet_contact[i] = any((contact[2], contact[4]) in walker.ground_ids for contact in contacts)
    electricity = walker.electricity_cost * float(np.abs(action * robot.joint_speeds).mean())
    electricity += walker.stall_torque_cost * float(np.square(action).mean())
    at_limit = float(walker.joints_at_limit_cost * robot.joints_at_limit)
    walker.rewards = [walker._alive, progress, electricity, at_limit, 0.0]
    total = sum(walker.rewards)
    walker.reward += total
    return state, total, bool(done), False, {}
