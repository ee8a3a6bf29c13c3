def penalty_coefficient(beta, kl, target, lowest):
    if kl > 1.5 * target:
        beta = 2 * beta
    elif kl < target / 1.5:
        beta = beta / 2
    return max(beta, lowest)
