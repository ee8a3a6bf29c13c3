def line_search(evaluate, old_params, full_step, old_loss, delta, backtrack, tries):
    for j in range(tries):
        params = old_params - backtrack**j * full_step
        kl, loss = evaluate(params)
        if kl <= delta and loss <= old_loss:
            return params
    return old_params
