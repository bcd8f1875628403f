namespace SjdOnnx.Runtime.Onnx;

/// <summary>
/// The configuration keys of a session in ONNX Runtime 1.31 (onnxruntime_session_options_config_keys.h). ONNX Runtime ignores a key that it
/// does not know, so a misspelled one would have no effect.
/// </summary>
internal static class SessionKeys
{
    private static readonly string[] All =
    [
        "ep.context_embed_mode", "ep.context_enable", "ep.context_file_path", "ep.context_model_external_initializers_file_name",
        "ep.context_node_name_prefix", "ep.context_source_model_path", "ep.cuda.enable_gemm_auto_tune", "ep.cuda.fpa_intb_gemm",
        "ep.cuda.fpa_intb_gemv_paired_k", "ep.cuda.fpa_intb_gemv_wave_aware", "ep.cuda.fpa_intb_profile_m",
        "ep.cuda.gqa_workspace_max_total_sequence_length", "ep.cuda.matmul_nbits_m_chunk_size", "ep.dynamic.qnn_htp_performance_mode",
        "ep.dynamic.workload_type", "ep.enable_weightless", "ep.enable_weightless_ep_context_nodes", "ep.nnapi.partitioning_stop_ops",
        "ep.share_ep_contexts", "ep.stop_share_ep_contexts", "mlas.disable_kleidiai", "mlas.enable_gemm_fastmath_arm64_bfloat16",
        "mlas.kleidiai.conv_igemm_max_work", "mlas.nchwc_depthwise_sliding", "mlas.nchwc_pointwise_conv_max_input_channel_batch",
        "mlas.qnbit.force_fp32", "mlas.use_lut_gemm", "optimization.constant_folding_max_output_size_in_bytes",
        "optimization.disable_specified_optimizers", "optimization.enable_cast_chain_elimination",
        "optimization.enable_gelu_approximation", "optimization.enable_memory_probe_recompute_config",
        "optimization.memory_optimizer_config", "optimization.minimal_build_optimizations", "session.allow_released_opsets_only",
        "session.collect_node_memory_stats_to_file", "session.compile_only", "session.debug_layout_transformation",
        "session.disable_aot_function_inlining", "session.disable_cpu_ep_fallback", "session.disable_double_qdq_remover",
        "session.disable_model_compile", "session.disable_prepacking", "session.disable_qdq_constant_folding",
        "session.disable_quant_qdq", "session.dynamic_block_base", "session.enable_cpu_mem_arena",
        "session.enable_dq_matmulnbits_fusion", "session.enable_mem_pattern", "session.enable_moe_expert_counting",
        "session.enable_moe_expert_statistics", "session.enable_profiling", "session.enable_quant_qdq_cleanup",
        "session.enable_saved_runtime_optimizations", "session.execution_mode", "session.fail_on_suboptimal_compiled_model",
        "session.force_spinning_stop", "session.function_expansion_byte_limit", "session.function_expansion_node_limit",
        "session.gqa_value_layout", "session.graph_optimization_level", "session.graph_optimizations_loop_level",
        "session.inter_op.allow_spinning", "session.inter_op.spin_backoff_max", "session.inter_op.spin_duration_us",
        "session.inter_op_num_threads", "session.intra_op.allow_spinning", "session.intra_op.spin_backoff_max",
        "session.intra_op.spin_duration_us", "session.intra_op_num_threads", "session.intra_op_thread_affinities",
        "session.layer_assignment_settings", "session.load_model_format", "session.log_id", "session.log_severity_level",
        "session.log_verbosity_level", "session.max_shape_override", "session.model_external_initializers_file_folder_path",
        "session.moe_expert_counter_alpha", "session.moe_expert_counter_beta", "session.moe_expert_counter_state_file",
        "session.name_based_layer_assignment", "session.node_partition_config_file",
        "session.optimized_model_external_initializers_file_name", "session.optimized_model_external_initializers_min_size_in_bytes",
        "session.optimized_model_filepath", "session.prepack.enable_parallel", "session.qdq_matmulnbits_accuracy_level",
        "session.qdq_matmulnbits_block_size", "session.qdqisint8allowed", "session.record_ep_graph_assignment_info",
        "session.resource_cuda_partitioning_settings", "session.save_external_prepacked_constant_initializers",
        "session.save_model_format", "session.set_denormal_as_zero", "session.strict_shape_type_inference",
        "session.strict_workspace_verification", "session.use_deterministic_compute", "session.use_device_allocator_for_initializers",
        "session.use_env_allocators", "session.use_external_initializer_file_buffers_directly", "session.use_memory_mapped_ort_model",
        "session.use_ort_model_bytes_directly", "session.use_ort_model_bytes_for_initializers", "session.use_per_session_threads",
        "session.x64quantprecision",
    ];

    /// <summary>All keys.</summary>
    public static IReadOnlyList<string> Known => All;

    /// <summary>Whether a key is for the session and not for its provider: keys of sessions have a period.</summary>
    public static bool IsOne(string key) => key.Contains('.', StringComparison.Ordinal);

    /// <exception cref="ProviderException">ONNX Runtime has no such key.</exception>
    public static void Check(string key)
    {
        if (All.Contains(key))
            return;
        string[] near = [.. All.Where(known => known.EndsWith(key[(key.LastIndexOf('.') + 1)..], StringComparison.Ordinal))];
        throw new ProviderException(
            $"'{key}' is no option of a session of ONNX Runtime {OnnxRuntimeLibrary.Version}" +
            (near.Length > 0
                ? $"; there is {string.Join(", ", near)}."
                : "; its header onnxruntime_session_options_config_keys.h lists them."));
    }
}
